"""The loop closed: a channel rings, a trigger sees it, the readout masks it, for as long as told."""

import time

import numpy as np
import pytest
from up import Lab

from everyhit import ApiError
from ops.demo.front_end import Sender

PLAIN = """
name = "plain"
title = "A time and a wire"
[fields]
time = { bits = [0, 47] }
wire = { bits = [48, 51] }
[clock]
tick_ns = 1
time = "time"
disorder = "1 us"
slice = "20 ms"
[words]
hit = "wire > 0"
channel = "wire"
"""
LOUD = """\
-- trigger: loud
-- reach: 20 us
SELECT t, wire FROM (
    SELECT t, wire, count() OVER (
        PARTITION BY wire ORDER BY t RANGE BETWEEN CURRENT ROW AND 20000 FOLLOWING
    ) AS n FROM hits
) WHERE n > 50
"""
RINGING, QUIET, FAR = 9, 200, 20_000


START = """
mutation { startRun(detector: "plain", triggers: ["loud"],
    feedback: [{ trigger: "loud", columns: ["wire"], forS: 12 }]) { run { settings } } }
"""


def words_of(number):
    """Hits of 4 ms: a quiet one every 20 us, and of one wire a hundred times as many."""
    first = number * QUIET
    quiet = np.arange(first, first + QUIET, dtype=np.uint64)
    loud = np.arange(first * FAR, (first + QUIET) * FAR, FAR // 100, dtype=np.uint64)
    t = np.concatenate([quiet * np.uint64(FAR), loud + np.uint64(3)])
    wire = np.concatenate(
        [quiet % np.uint64(8) + np.uint64(1), np.full(len(loud), RINGING, np.uint64)]
    )
    return (t | wire << np.uint64(48))[np.argsort(t, kind="stable")]


def test_a_ringing_channel_is_masked_and_comes_back(tmp_path):
    lab = Lab(tmp_path)
    (tmp_path / "triggers" / "loud.sql").write_text(LOUD)
    (tmp_path / "detectors" / "plain.toml").write_text(PLAIN)
    with lab.up("--detector", "plain", "--tcp", "127.0.0.1:0") as up:
        began = lab.said(
            *("run", "start", "beam", "--detector", "plain", "--trigger", "loud"),
            *("--feedback", "loud=wire", "--feedback-for", "12 s"),
        )
        assert began["state"] == "acknowledged"
        sender, n = Sender(up.ports["tcp"], 1, stream=6), 0

        def done():
            """The orders that were done, newest first."""
            found = up.client.graphql("{ orders { who state } }")["orders"]
            return [each["who"] for each in found if each["state"] == "acknowledged"]

        def stored(where):
            sql = f"SELECT count() AS n FROM hits WHERE {where}"
            return up.client.query(sql, began["run"])["n"].item()

        def alarms():
            return {each["name"] for each in lab.said("alarms", "list", "--all")}

        def send(times):
            nonlocal n
            for _ in range(times):
                sender.send(words_of(n))
                sender.poll(0.005)
                n += 1

        def send_until(true):
            end = time.monotonic() + 90
            while not true():
                assert time.monotonic() < end, done()
                send(20)

        send_until(lambda: done()[0] == "feedback of loud")
        sender.drain()
        rang = stored(f"wire = {RINGING}")
        send(50)
        sender.drain()
        assert (stored(f"wire = {RINGING}"), stored(f"wire != {RINGING}")) == (rang, QUIET * n)
        send_until(lambda: "feedback" in alarms())
        send_until(lambda: done().count("feedback of loud") >= 3)  # lifted, and masked again
        sender.drain()
        assert stored(f"wire = {RINGING}") > rang
        assert lab.said("run", "stop", "beam")["state"] == "acknowledged"
        by_api = up.client.graphql(START)["startRun"]["run"]
        by_hand = up.client.graphql('{ run(which: "1") { settings } }')["run"]
        assert by_api["settings"]["feedback"] == by_hand["settings"]["feedback"]
        up.end()
    kept, quiet, booked = (
        lab.said("query", f"SELECT {what} AS n FROM {name}", "--run", "1")["n"]
        for what, name in (
            (f"countIf(wire = {RINGING})", "hits"),
            (f"countIf(wire != {RINGING})", "hits"),
            ("sumIf(n_lost, cause = 'mask')", "gaps"),
        )
    )
    assert quiet == QUIET * n
    assert kept + booked == 100 * QUIET * n
    assert booked >= 100 * QUIET * 50


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    lab = Lab(tmp_path_factory.mktemp("lab"))
    with lab.up("--detector", "ticks", "--tcp", "127.0.0.1:0") as up:
        yield lab, up


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (("--feedback", "each"), "write TRIGGER=COLUMNS"),
        (("--feedback", "loud=wire"), "feedback of loud: it does not run on this run"),
        (("--feedback", "each=wyre"), "a hit has no wyre; it has: channel, kind, time, wire"),
        (("--feedback", "each=channel"), "a row of it has no channel; it has: t, wire"),
        (("--feedback", "each="), "feedback needs columns"),
        (("--feedback", "each=wire", "--feedback-most", "0"), "1 to 64"),
        (("--feedback", "each=wire", "--feedback-for", "soon"), "soon"),
    ],
)
def test_what_makes_no_sense_is_one_line_and_begins_no_run(here, options, line):
    start = ("run", "start", "x", "--detector", "ticks", "--trigger", "each", *options)
    assert line in here[0].said(*start, code=1)
    assert here[0].said("run", "list") == []


@pytest.mark.parametrize(
    ("wanted", "line"),
    [
        ('{ trigger: "each", columns: ["wyre"] }', "a hit has no wyre"),
        ('{ trigger: "each", columns: ["wire"], most: 0 }', "1 to 64"),
        ('{ trigger: "loud", columns: ["wire"] }', "it does not run on this run"),
    ],
)
def test_the_api_refuses_the_same(here, wanted, line):
    start = f'mutation {{ startRun(detector: "ticks", triggers: ["each"], feedback: [{wanted}])'
    with pytest.raises(ApiError, match=line):
        here[1].client.graphql(f"{start} {{ state }} }}")
    assert here[0].said("run", "list") == []

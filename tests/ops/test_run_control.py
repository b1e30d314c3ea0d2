"""Orders to readouts that are processes of their own, over a real Redis, into a real store."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from command import everyhit

from db.catalogue.configurations import configured_at
from db.catalogue.runs import find_run
from db.detector import decode, load
from db.relations.read import read
from db.relations.relation import Relation
from db.words.gaps import read_gaps
from ops.demo.front_end import Sender
from ops.servers.clickhouse import url
from ops.servers.ports import free_port
from ops.servers.redis import Redis
from ops.services.news import hearing
from readout.control.configuration import Configuration, Prescale
from readout.control.outcome import living_readouts
from readout.simulator.conditions import Conditions
from readout.simulator.live import live

DETECTOR = load("drift_tubes_v1")
EVERYHIT = Path(sys.executable).parent / "everyhit"
_streams = count(1)


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    server = Redis(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def words():
    slices = list(live(DETECTOR, Conditions(), 1, duration_s=0.6, speed=float("inf")))
    links = sorted(slices[0].links)
    return np.concatenate([each.links[links[0]] for each in slices])


@contextmanager
def readout(folder, servers, redis, name, port):
    """A readout that waits for orders; killed at the end."""
    process = subprocess.Popen(
        [
            *(EVERYHIT, "readout", "--detector", DETECTOR.name, "--name", name, "--json"),
            *("--store", url(servers[:1], "alone"), "--spool", folder / f"spool {name}"),
            *("--tcp", f"127.0.0.1:{port}"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"EVERYHIT_REDIS": redis.url},
    )
    try:
        wait_until(
            lambda: any(each["readout"] == name for each in living_readouts(redis.url)), process
        )
        yield process
    finally:
        process.kill()
        process.communicate()
        wait_until(lambda: not living_readouts(redis.url))
        # The library that stands in for a server may have ended of a client killed in a statement.
        if servers[0].process.poll() is not None:
            servers[0].start()


def wait_until(true, process=None, wait_s=120):
    until = time.monotonic() + wait_s
    while not true():
        assert time.monotonic() < until
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.05)


def told(redis, name):
    return next(each for each in living_readouts(redis.url) if each["readout"] == name)


def run_command(redis, *arguments):
    """What ``everyhit run …`` says."""
    told = os.environ | {"EVERYHIT_REDIS": redis.url}
    return json.loads(everyhit("run", *arguments, "--json", timeout=240, env=told))


def send(sender, words):
    for start in range(0, len(words), 1000):
        sender.send(words[start : start + 1000])
        sender.poll(0)
    sender.drain()


def stored(engine, run_id):
    rows = engine.fetch(
        "SELECT seq, words FROM chunks WHERE run_id = {run:UInt32} ORDER BY seq", {"run": run_id}
    )
    seqs = rows["seq"].to_pylist()
    assert seqs == list(range(len(seqs)))
    return np.sort(rows["words"].combine_chunks().flatten().to_numpy())


def test_a_run_is_steered_while_the_front_end_stays_and_the_readout_is_killed(
    server_engine, servers, redis, tmp_path, words
):
    engine = server_engine
    store = ("--store", url(servers[:1], "alone"), "--within", "25")
    before, first, second, after = np.array_split(words, 4)
    chamber = decode(DETECTOR, words, columns=["hit", "corrupt", "chamber"])
    assert set(np.unique(chamber["chamber"][chamber["hit"]]).tolist()) > {0}
    port = free_port()
    sender = Sender(("127.0.0.1", port), 5, stream=next(_streams), patience_s=120)
    with readout(tmp_path, servers, redis, "crate", port), hearing(redis.url) as news:
        send(sender, before)
        wait_until(lambda: told(redis, "crate")["without_run"] == len(before))

        assert [each["readout"] for each in run_command(redis, "readouts")] == ["crate"]
        began = run_command(redis, "start", "steered", "--detector", DETECTOR.name, *store)
        assert (began["state"], began["silent"]) == ("acknowledged", [])
        run = find_run(engine, began["run"])
        wait_until(lambda: told(redis, "crate")["run"] == run.run_id)
        send(sender, first)
        assert news.wait(30)  # the readout alone could announce something

        rules = ("--mask", "chamber == 0", "--prescale", "10 of True")
        configured = run_command(redis, "configure", "steered", *rules, *store)
        tick = configured["answers"]["crate"]["tick"]
        safe, half = sender.safe, len(second) // 2
        sender.send(second[:half])
        while sender.safe == safe:
            sender.poll(0.01)
        # Killed with words underway: it goes on with the run and what it was told last.

    with readout(tmp_path, servers, redis, "crate", port) as process:
        send(sender, second[half:])
        assert run_command(redis, "stop", "steered", *store)["state"] == "acknowledged"
        run = find_run(engine, run.run_id)
        assert run.state == "closed"
        send(sender, after)
        wait_until(lambda: told(redis, "crate")["without_run"] == len(after), process)

        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    found = stored(engine, run.run_id)
    assert np.isin(found, np.concatenate([first, second])).all()
    assert np.isin(first, found).all()
    gaps = read_gaps(engine, run.run_id)
    removed = gaps.filter(gaps["cause"].is_in(["mask", "prescale"]))
    assert removed["n_lost"].sum() == len(first) + len(second) - len(found)
    assert not removed["dead"].any()
    assert (removed["a"] >= tick).all()
    before = configured_at(engine, run.run_id, tick - 1)[5]
    assert (before.from_t, before.configuration) == (0, Configuration().plain())
    held = configured_at(engine, run.run_id, tick)[5]
    assert held.order == configured["order"]
    masked = Configuration(("chamber == 0",), prescales=(Prescale("True", 10),))
    assert held.configuration == masked.plain()
    masked_hits = run.detector.selection("chamber == 0")
    assert len(read(engine, Relation("hits", run, tick, 2**62, where=masked_hits))) == 0

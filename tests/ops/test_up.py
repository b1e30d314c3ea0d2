"""One process as the whole system of a small lab: every way in, orders, kills."""

import os
import signal
import socket

import numpy as np
import pytest
from up import Lab, until, words_of

from db.words.frame import WORDS, Header
from ops.demo.front_end import Sender
from ops.servers.ports import free_port

START = (
    'mutation($n: String!) { startRun(detector: "ticks", name: $n, triggers: ["each"],'
    ' events: ["each"]) { state run { number } } }'
)
STOP = "mutation($r: String!) { stopRun(run: $r) { state } }"
DONE = "acknowledged"
EVENTS = ("--trigger", "each", "--events", "each")


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    return Lab(tmp_path_factory.mktemp("lab"))


@pytest.fixture(scope="module")
def here(lab):
    """A process that listens on all ways."""
    os.mkfifo(lab.folder / "pipe")
    ways = ("--tcp", "127.0.0.1:0", "--udp", "127.0.0.1:0", "--device", f"{lab.folder}/pipe=3")
    with lab.up("--detector", "ticks", *ways) as up:
        yield up
        assert up.end()["spooled"] == 0


def over_tcp(up, lab, words):
    sender = Sender(up.ports["tcp"], 1, stream=5)
    sender.send(words)
    sender.drain()


def over_udp(up, lab, words):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        packet = Header(WORDS, 2, 5, len(words), 0).pack() + words.tobytes()
        sender.sendto(packet, up.ports["udp"])


def into_a_pipe(up, lab, words):
    with (lab.folder / "pipe").open("wb") as writer:
        writer.write(words.tobytes())


@pytest.mark.parametrize("way", [over_tcp, over_udp, into_a_pipe])
def test_words_of_a_front_end_become_events_of_the_run_that_was_ordered(here, lab, way):
    words = words_of(100, 300)
    began = here.client.graphql(START, {"n": way.__name__})["startRun"]
    assert began["state"] == DONE
    run = began["run"]["number"]
    way(here, lab, words)
    until(lambda: here.words(run) == len(words))
    assert here.client.graphql(STOP, {"r": str(run)})["stopRun"]["state"] == DONE
    here.found(run, len(words))


def test_posted_words_become_events(here):
    posted(here)


def test_the_api_alone_runs_the_triggers_of_posted_words(tmp_path):
    with Lab(tmp_path).up("--port", "0", command="api") as up:
        posted(up)


def posted(up):
    opened = up.client.graphql(
        'mutation { openRun(detector: "ticks", triggers: ["each"], events: ["each"]) { number } }'
    )["openRun"]["number"]
    words = words_of(7, 200)
    for n, part in enumerate(np.split(words, 4)):
        up.client.post(opened, 4, str(n), part)
    up.client.graphql("mutation($r: String!) { closeRun(run: $r) { number } }", {"r": str(opened)})
    up.found(opened, len(words))


def test_a_replayed_file_becomes_events(tmp_path):
    lab, words = Lab(tmp_path), words_of(100, 300)
    (tmp_path / "words.bin").write_bytes(words.tobytes())
    told = lab.said("up", tmp_path / "words.bin", "--detector", "ticks", *EVENTS)
    assert {name: told[name] for name in ("run", "words", "hits", "each", "events")} == {
        "run": 1, "words": 300, "hits": 300, "each": 300, "events": 300,
    }  # fmt: skip
    assert lab.said("run", "list")[0]["state"] == "closed"


def test_the_command_line_orders_the_process_that_has_the_store(here, lab):
    (readout,) = lab.said("run", "readouts")
    assert (readout["detector"], readout["run"]) == ("ticks", None)
    began = lab.said("run", "start", "by hand", "--detector", "ticks", *EVENTS)
    assert (began["state"], began["silent"]) == (DONE, [])
    refused = lab.said("run", "start", "another", "--detector", "ticks", code=1)
    assert "stop it first" in refused
    masked = lab.said("run", "configure", "by hand", "--mask", "wire == 1")
    assert masked["answers"][readout["readout"]]["tick"] == 0
    sender = Sender(here.ports["tcp"], 1, stream=6)
    sender.send(words_of(500, 160))
    sender.drain()
    until(lambda: lab.said("alarms", "list"))  # its link has said nothing since
    assert lab.said("run", "stop", "by hand")["state"] == DONE
    here.found(began["run"], 150)
    assert {each["who"] for each in lab.said("run", "orders", str(began["run"]))} != {""}


def test_killed_again_and_again_it_goes_on_with_the_run_that_was_on(tmp_path):
    """However the run was begun, whatever was under way; each word once, each hit an event."""
    lab, port = Lab(tmp_path), free_port()
    listen = ("--detector", "ticks", "--tcp", f"127.0.0.1:{port}")
    sender, n = Sender(("127.0.0.1", port), 1, stream=5), 0

    def send_some():
        nonlocal n
        safe = sender.safe
        while sender.safe < safe + 300:
            sender.send(words_of(n, 100))
            sender.poll(0.01)
            n += 100

    with lab.up(*listen) as up:
        run = up.client.graphql(START, {"n": "beam"})["startRun"]["run"]["number"]
        send_some()
    with lab.up(*listen):  # nobody orders anything
        send_some()
    (kept,) = lab.said("run", "list")
    assert kept["state"] == "open"
    with lab.up(*listen, "--run", "beam", *EVENTS) as up:
        send_some()
        sender.drain()
        told = up.end()
    assert (told["run"], told["words"], told["each"], told["spooled"]) == (run, n, n, 0)
    (kept,) = lab.said("run", "list")
    assert (kept["state"], kept["words"]) == ("closed", n)


def test_a_run_that_was_closed_while_it_was_down_stays_so(tmp_path):
    lab = Lab(tmp_path)
    listen = ("--detector", "ticks", "--tcp", "127.0.0.1:0")
    with lab.up(*listen, "--run", "beam") as up:
        up.process.send_signal(signal.SIGKILL)
    assert "nobody takes data" in lab.said("run", "stop", "beam", code=1)
    assert lab.said("run", "stop", "beam", "--anyway")[0]["state"] == "closed"
    with lab.up(*listen) as up:
        sender = Sender(up.ports["tcp"], 1, stream=5)
        sender.send(words_of(0, 10))
        sender.drain()
        told = up.end()
    assert (told["run"], told["without_run"]) == (None, 10)
    with lab.up(*listen, "--run", "beam") as up:
        assert up.end(signal.SIGTERM)["run"] == 2
    assert [run["state"] for run in lab.said("run", "list")] == ["closed", "closed"]


def test_the_demo_takes_orders(tmp_path):
    lab = Lab(tmp_path)
    with lab.up(command="demo") as up:
        until(lambda: up.rows(1, "segments") >= 1000)
        lab.said("run", "stop", "demo")
        began = lab.said("run", "start", "again", "--detector", "drift_tubes_v2",
                         "--trigger", "segments")  # fmt: skip
        until(lambda: up.rows(began["run"], "segments") >= 1000)
        told = up.end()
    assert told["run"] == began["run"] == 2
    assert told["segments"] >= 1000
    assert told["efficiency"] > 0.99
    assert told["fake_rate"] < 0.02


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--tcp", "127.0.0.1:0"], "--detector"),
        (["--detector", "ticks", "--run", "beam"], "there is no source for a run"),
        (["words.bin", "--detector", "ticks", "--tcp", "127.0.0.1:0"], "is replayed alone"),
        (["--detector", "ticks", "--tcp", "127.0.0.1:0", "--trigger", "each"], "a run is started"),
        (["--detector", "ticks", "--tcp", "nonsense"], "write HOST:PORT"),
        (["--detector", "ticks", "--device", "/nowhere/at/all", "--run", "x"], "can't be opened"),
        (
            ["--detector", "ticks", "--tcp", "127.0.0.1:0", "--run", "x", "--trigger", "eech"],
            "each",
        ),
    ],
)
def test_what_makes_no_sense_is_one_line(tmp_path, options, line):
    said = Lab(tmp_path).said("up", *options, code=1)
    assert line in said.splitlines()[-1]

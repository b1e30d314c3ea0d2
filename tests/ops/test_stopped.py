"""Processes that stand still for a while (SIGSTOP), and go on: nothing is lost or doubled."""

import signal
import subprocess
import time

from command import EVERYHIT
from up import Lab, until, words_of

from ops.demo.front_end import Sender

STILL_S = 3
EVENTS = ("--trigger", "each", "--events", "each")


def test_one_process_that_stood_still_goes_on_with_its_senders(tmp_path):
    lab = Lab(tmp_path)
    ways = ("--tcp", "127.0.0.1:0", "--run", "beam", *EVENTS)
    with lab.up("--detector", "ticks", *ways) as up:
        sender = Sender(up.ports["tcp"], 1, stream=5)
        for k in range(3):
            sender.send(words_of(1000 * k, 500))
            sender.drain()
            up.process.send_signal(signal.SIGSTOP)
            sender.send(words_of(1000 * k + 500, 500))
            time.sleep(STILL_S)
            up.process.send_signal(signal.SIGCONT)
        sender.drain()
        until(lambda: up.words(1) == 3000)
        assert up.end()["spooled"] == 0
    (run,) = lab.said("run", "list")
    assert run["words"] == 3000
    rows = lab.said("query", "SELECT count() AS n, uniqExact(t) AS times FROM each")
    assert rows == {"n": 3000, "times": 3000}


def test_a_file_is_ingested_whole_by_a_process_that_stood_still(tmp_path):
    lab, n = Lab(tmp_path), 300_000
    (tmp_path / "words").write_bytes(words_of(0, n).tobytes())
    line = [*EVERYHIT, "ingest", str(tmp_path / "words"), "--detector", "ticks"]
    process = subprocess.Popen(
        [*line, "--store", str(lab.store), "--pace", "0.1"],
        env=lab.environment,
        stdout=subprocess.DEVNULL,
    )
    try:
        for _ in range(3):
            time.sleep(2)
            process.send_signal(signal.SIGSTOP)
            time.sleep(STILL_S / 2)
            process.send_signal(signal.SIGCONT)
        assert process.wait(200) == 0
    finally:
        process.kill()
        process.wait()
    (run,) = lab.said("run", "list")
    assert run["words"] == n

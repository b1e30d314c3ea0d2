"""Few file descriptors, little address space: one line each, nobody turned out who is in, and others when there is room."""

import resource
import socket
import subprocess
import threading
import time

import psutil
import pytest
from command import EVERYHIT
from up import Lab, until, words_of

from db.words.frame import HELLO, Header
from ops.demo.front_end import Sender
from readout.source.tcp import DEAF_S

PLACES, CONNECTIONS = 40, 140  # the others wait in the queue of the port, which has 128


@pytest.mark.parametrize("most", [20, 32, 64])
def test_a_command_runs_or_says_in_one_line_why_not(tmp_path, most):
    lab = Lab(tmp_path)
    (tmp_path / "words").write_bytes(words_of(0, 1000).tobytes())
    lab.said("ingest", tmp_path / "words", "--detector", "ticks")
    done = subprocess.run(
        ["prlimit", f"--nofile={most}", *EVERYHIT, "run", "list", "--store", str(lab.store)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "Traceback" not in done.stderr, done.stderr
    # Beside our line the engine may have written one of its own.
    ours = [line for line in done.stderr.splitlines() if line.startswith("everyhit: ")]
    assert done.returncode == 0 or len(ours) == 1, done.stderr


@pytest.mark.parametrize("most_mb", [200, 500, 1500, 3000])
def test_a_short_address_space_is_one_line(tmp_path, most_mb):
    done = subprocess.run(
        ["prlimit", f"--as={most_mb << 20}", *EVERYHIT, "run", "list", "--store", tmp_path / "no"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"everyhit: the address space is limited to {most_mb << 10} kB (ulimit")


def test_senders_that_find_no_place_wait_and_harm_nobody(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    lab, log = Lab(tmp_path), []
    try:
        with lab.up("--detector", "ticks", "--tcp", "127.0.0.1:0", "--run", "beam") as up:
            reader = threading.Thread(target=lambda: log.extend(up.process.stderr), daemon=True)
            reader.start()
            first = Sender(up.ports["tcp"], 1, stream=5)
            first.send(words_of(0, 100))
            first.drain()
            until(lambda: up.words(1) == 100)  # what is compiled and loaded at first, is
            here = psutil.Process(up.process.pid)
            room = here.num_fds() + PLACES
            subprocess.run(["prlimit", f"--nofile={room}", f"--pid={up.process.pid}"], check=True)
            crowd = [socket.create_connection(up.ports["tcp"]) for _ in range(CONNECTIONS)]
            for each in crowd:
                each.sendall(Header(HELLO, 7, 1, 0, 0).pack())
            busy, began = sum(here.cpu_times()[:2]), time.monotonic()
            time.sleep(4)
            busy, took = sum(here.cpu_times()[:2]) - busy, time.monotonic() - began
            for each in crowd:
                each.close()
            second = Sender(up.ports["tcp"], 2, stream=5, patience_s=120)
            second.send(words_of(0, 100))
            second.drain()
            first.send(words_of(100, 100))
            first.drain()
            up.process.send_signal(2)
            assert up.process.wait(120) == 0, log
            reader.join(10)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    refused = [line for line in log if "a connection can't be taken" in line]
    assert 0 < len(refused) < took / DEAF_S + 10, log
    assert busy < took / 2
    assert "Traceback" not in "".join(log)
    # The store, too, may have found no file to open: then the rest waits in the spool.
    with lab.up("--detector", "ticks", "--tcp", "127.0.0.1:0") as up:
        assert up.end()["spooled"] == 0
    (run,) = lab.said("run", "list")
    assert run["words"] == 300, "".join(log)[-5000:]

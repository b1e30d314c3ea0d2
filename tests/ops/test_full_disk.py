"""A disk that fills while words flow: they wait in front of it, and go on when there is room."""

import errno
import json
import os
import signal
import subprocess
import threading
import time
from contextlib import contextmanager

import pytest
from command import EVERYHIT
from disk import disk
from up import Lab, words_of

from ops.demo.front_end import Sender

EVENTS = ("--trigger", "each", "--events", "each")


@pytest.fixture
def own_disk(tmp_path):
    with disk(tmp_path, "400M") as made:
        yield made


@pytest.fixture
def lab(own_disk, tmp_path):
    """With its store, and the spool in it, on the disk, and nothing else."""
    made = Lab(tmp_path)
    made.store = own_disk.path / "store"
    return made


@contextmanager
def filled(folder):
    """All that is free is taken."""
    ballast, step, size = folder / "ballast", 64 << 20, 0
    with ballast.open("wb") as file:
        while step >= 4096:
            try:
                os.posix_fallocate(file.fileno(), size, step)
                size += step
            except OSError as fault:
                assert fault.errno == errno.ENOSPC
                step //= 4
    try:
        yield
    finally:
        ballast.unlink()


def test_words_wait_while_the_disk_is_full_and_none_is_lost(own_disk, lab):
    log: list[str] = []
    with lab.up("--detector", "ticks", "--tcp", "127.0.0.1:0", "--run", "beam", *EVENTS) as up:
        reader = threading.Thread(target=lambda: log.extend(up.process.stderr), daemon=True)
        reader.start()
        sender, n = Sender(up.ports["tcp"], 1, stream=5, patience_s=120), 0

        def send_some():
            nonlocal n
            sender.send(words_of(n, 100))
            sender.poll(0.05)
            n += 100
            assert up.process.poll() is None, log

        while sender.safe < 1000:
            send_some()
        with filled(own_disk.path):
            until = time.monotonic() + 10
            while time.monotonic() < until:
                send_some()
            assert sender.safe < n
            told = str(lab.said("run", "readouts"))
            assert f"the disk of {lab.store}/spool is full" in told
        sender.drain()
        up.process.send_signal(signal.SIGINT)
        summary = json.loads(up.process.stdout.read())
        assert up.process.wait(120) == 0, log
        reader.join(10)
    assert "Traceback" not in "".join(log)
    assert len(log) < 100
    assert (summary["words"], summary["each"], summary["spooled"]) == (n, n, 0)
    (run,) = lab.said("run", "list")
    assert (run["words"], run["state"]) == (n, "closed")


def test_ctrl_c_ends_it_though_the_disk_is_full_and_the_next_goes_on(own_disk, lab):
    listen = ("--detector", "ticks", "--tcp", "127.0.0.1:0", "--run", "beam")
    with lab.up(*listen) as up:
        sender, n = Sender(up.ports["tcp"], 1, stream=5, patience_s=120), 0
        while sender.safe < 500:
            sender.send(words_of(n, 100))
            sender.poll(0.05)
            n += 100
        with filled(own_disk.path):
            sender.send(words_of(n, 100))
            n += 100
            time.sleep(1)
            up.process.send_signal(signal.SIGINT)
            time.sleep(2)
            up.process.send_signal(signal.SIGINT)
            _, err = up.process.communicate(timeout=120)
            assert "Traceback" not in err, err[-3000:]
    with lab.up(*listen) as up:
        sender._address = up.ports["tcp"]
        sender.close()
        sender.poll()
        sender.drain()
        told = up.end()
    runs = lab.said("run", "list")
    assert sum(run["words"] for run in runs) == n, (told, err[-3000:])


def test_a_command_on_a_full_disk_says_so_in_one_line(own_disk, lab, tmp_path):
    (tmp_path / "words").write_bytes(words_of(0, 1000).tobytes())
    ingest = ("ingest", tmp_path / "words", "--detector", "ticks")
    lab.said(*ingest)
    with filled(own_disk.path):
        told = lab.said(*ingest, code=1)
        assert told.count("\n") == 1
        assert f"MB are free on the disk of {lab.store}" in told
        done = subprocess.run(
            [*EVERYHIT, "run", "list", "--store", str(lab.store)],
            capture_output=True,
            text=True,
            timeout=120,
            env=os.environ | {"TMPDIR": str(own_disk.path)},
        )
        assert done.returncode == 1
        assert "no space is left there" in done.stderr
        assert done.stderr.count("\n") == 1, done.stderr
        assert f"needs a folder for itself in {own_disk.path} (TMPDIR" in done.stderr
    lab.said(*ingest)
    assert [run["words"] for run in lab.said("run", "list")] == [1000, 1000]

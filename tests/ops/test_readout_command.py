"""The readout as a process of its own: killed, stopped, started wrongly."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from db.detector import load
from db.store import open_store
from ops.sender import Sender
from readout.simulator.conditions import Conditions
from readout.simulator.live import live

DETECTOR = load("drift_tubes_v1")
EVERYHIT = Path(sys.executable).parent / "everyhit"


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@contextmanager
def readout(folder, *options):
    """A process that takes data into ``folder``; killed at the end if it still lives."""
    process = subprocess.Popen(
        [
            *(EVERYHIT, "readout", "--run", "beam", "--detector", DETECTOR.name, "--json"),
            *("--store", folder / "store", "--spool", folder / "spool", *options),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def stored(folder) -> dict[int, tuple[list[int], np.ndarray]]:
    """For each link the numbers of its chunks in order, and its words in numerical order."""
    with open_store(str(folder / "store")) as store:
        rows = store.engine.fetch("SELECT link, seq, words FROM chunks ORDER BY link, seq")
        links = np.array(rows["link"].to_pylist())
        return {
            link: (
                rows.filter(links == link)["seq"].to_pylist(),
                np.sort(rows.filter(links == link)["words"].combine_chunks().flatten().to_numpy()),
            )
            for link in np.unique(links).tolist()
        }


def simulated(duration_s):
    slices = list(live(DETECTOR, Conditions(), 1, duration_s=duration_s, speed=float("inf")))
    return {link: np.concatenate([each.links[link] for each in slices]) for link in slices[0].links}


def test_each_word_is_stored_once_though_the_readout_is_killed_again_and_again(tmp_path):
    words, port = simulated(1.0), free_port()
    senders = {link: Sender(("127.0.0.1", port), link, stream=7) for link in words}
    position, kills = dict.fromkeys(words, 0), 0
    while kills < 3 or any(position[link] < len(words[link]) for link in words):
        with readout(tmp_path, "--tcp", f"127.0.0.1:{port}") as process:
            # Killed as soon as a little was promised, with words underway on every link.
            goal = {link: sender.safe + 1000 for link, sender in senders.items()}
            while any(senders[link].safe < min(goal[link], len(words[link])) for link in words):
                for link, sender in senders.items():
                    start = position[link]
                    position[link] = min(len(words[link]), start + 100)
                    sender.send(words[link][start : position[link]])
                    sender.poll(0.01)
            process.send_signal(signal.SIGKILL)
            kills += 1
    with readout(tmp_path, "--tcp", f"127.0.0.1:{port}", "--health", "0") as process:
        for sender in senders.values():
            sender.drain()
        while "health on" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGTERM)
        out, said = process.communicate(timeout=60)
        assert process.returncode == 0, said
    assert '"spooled": 0' in out
    for link, (seqs, found) in stored(tmp_path).items():
        assert seqs == list(range(len(seqs)))
        assert np.array_equal(found, np.sort(words[link]))
    assert kills >= 3


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--tcp", "nonsense"], "write HOST:PORT"),
        (["--tcp", "127.0.0.1:0", "--spool-bytes", "much"], "write 500MB or 4GB"),
    ],
)
def test_what_makes_no_sense_is_one_line(tmp_path, options, line):
    with readout(tmp_path, *options) as process:
        said = process.communicate(timeout=60)[1]
        assert process.returncode == 1
        assert line in said
        assert "Traceback" not in said

"""The readout as a process of its own: killed, stopped, started wrongly."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import polars as pl
import pytest

from db.catalogue.annotations import read_annotations
from db.detector import load
from db.store import open_store
from db.words.frame import WORDS, Header
from db.words.gaps import read_gaps
from ops.demo.front_end import Sender
from ops.servers.ports import free_port
from readout.simulator.conditions import Conditions
from readout.simulator.live import live

DETECTOR = load("drift_tubes_v1")
EVERYHIT = Path(sys.executable).parent / "everyhit"


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


def elsewhere(look, folder):
    """What a function finds in a process of its own: one process opens one embedded store."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(look, folder).result(60)


def gaps_in(folder) -> pl.DataFrame:
    with open_store(str(folder / "store")) as store:
        return read_gaps(store.engine, 1)


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
        said(process, "health on")
        process.send_signal(signal.SIGTERM)
        out, told = process.communicate(timeout=60)
        assert process.returncode == 0, told
    assert '"spooled": 0' in out
    for link, (seqs, found) in elsewhere(stored, tmp_path).items():
        assert seqs == list(range(len(seqs)))
        assert np.array_equal(found, np.sort(words[link]))
    assert kills >= 3


def said(process, text) -> str:
    """Read on until a line with this text comes."""
    while text not in (line := process.stderr.readline()):
        assert line, "it ended"
    return line


def said_of_runs(folder):
    with open_store(str(folder / "store")) as store:
        return read_annotations(store.engine, [1])[1]


def test_a_new_run_gets_its_fields_and_tags_once(tmp_path):
    options = ("--tcp", f"127.0.0.1:{free_port()}", "--health", "0")
    for value in (
        "22",
        "23",
    ):  # the second goes on with the run, of which people may say more since
        with readout(tmp_path, *options, "--set", f"energy={value}", "--tag", "cal") as process:
            said(process, "health on")
            process.send_signal(signal.SIGKILL)
    found = elsewhere(said_of_runs, tmp_path)
    assert (dict(found.fields), list(found.tags)) == ({"energy": 22}, ["cal"])


def test_packets_and_pipes_are_taken_and_its_health_is_told(tmp_path):
    words, port, pipe = simulated(0.3), free_port(), tmp_path / "pipe"
    os.mkfifo(pipe)
    options = ["--udp", f"127.0.0.1:{port}", "--device", f"{pipe}=1", "--health", "0"]
    with readout(tmp_path, *options, "--link", "0", "--link", "7") as process:
        health = f"http://127.0.0.1:{said(process, 'health on').split()[-1]}"
        packets = [words[0][start : start + 500] for start in range(0, len(words[0]), 500)]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for k, packet in enumerate(packets):
                if k != 3:  # lost on the way
                    header = Header(WORDS, 0, 9, len(packet), 500 * k)
                    sender.sendto(header.pack() + packet.tobytes(), ("127.0.0.1", port))
        with pipe.open("wb") as writer:
            writer.write(words[1].tobytes())
        n_words = len(words[0]) + len(words[1]) - 500
        for _ in range(200):
            told = urlopen(f"{health}/metrics", timeout=5).read().decode()
            if f"words_stored {float(n_words)}" in told:
                break
            time.sleep(0.05)
        assert f"words_stored {float(n_words)}" in told
        assert "words_lost 500.0" in told
        assert 'watermark_seconds{link="1"}' in told
        assert urlopen(f"{health}/healthz", timeout=5).read() == b"ok"
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 0
    assert json.loads(out)["words"] == n_words
    found = elsewhere(stored, tmp_path)
    sent = np.concatenate([packet for k, packet in enumerate(packets) if k != 3])
    assert np.array_equal(found[0][1], np.sort(sent))
    assert np.array_equal(found[1][1], np.sort(words[1]))
    assert len(found[7][1]) == 0
    gaps = elsewhere(gaps_in, tmp_path)
    assert gaps.select("link", "cause", "n_lost").rows() == [(0, "packets_lost", 500)]


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ([], "there is no source: name --tcp, --udp or --device"),
        (["--device", "/nowhere/at/all"], "can't be opened"),
        (["--tcp", "nonsense"], "write HOST:PORT"),
        (["--tcp", "127.0.0.1:0", "--trigger", "trakcs"], "there is no trigger 'trakcs'"),
        (["--tcp", "127.0.0.1:0", "--spool-bytes", "much"], "write 500MB or 4GB"),
        (["--tcp", "127.0.0.1:0", "--spool-bytes", "1MB"], "give it 100MB or more"),
    ],
)
def test_what_makes_no_sense_is_one_line(tmp_path, options, line):
    with readout(tmp_path, *options) as process:
        told = process.communicate(timeout=60)[1]
        assert process.returncode == 1
        assert line in told
        assert "Traceback" not in told

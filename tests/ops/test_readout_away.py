"""A readout that starts, and takes new links, while a shard of its store is away."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from socket import create_connection

import numpy as np
import pytest

from db.catalogue.runs import find_run
from db.detector import load
from db.errors import SourceError
from ops.demo.front_end import Sender
from ops.servers.clickhouse import url
from ops.servers.ports import free_port
from readout.simulator.conditions import Conditions
from readout.simulator.live import live

DETECTOR = load("drift_tubes_v1")
EVERYHIT = Path(sys.executable).parent / "everyhit"
_streams = count(100)


@contextmanager
def readout(folder, servers, run, port):
    process = subprocess.Popen(
        [
            *(EVERYHIT, "readout", "--run", run, "--detector", DETECTOR.name, "--json"),
            *("--store", url(servers), "--spool", folder / "spool"),
            *("--tcp", f"127.0.0.1:{port}"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={k: v for k, v in os.environ.items() if k != "EVERYHIT_REDIS"},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def send(port, link, words, process):
    """Send the words on a link of its own, until all are safe."""
    while True:
        assert process.poll() is None, process.communicate()
        with suppress(OSError), create_connection(("127.0.0.1", port), 5):
            break
        time.sleep(0.05)
    sender = Sender(("127.0.0.1", port), link, stream=next(_streams), patience_s=120)
    for start in range(0, len(words), 1000):
        assert process.poll() is None, process.communicate()
        sender.send(words[start : start + 1000])
        sender.poll(0)
    try:
        sender.drain()
    except SourceError as fault:
        process.kill()
        pytest.fail(f"{fault}; the readout said: {process.communicate()[1]}")
    sender.close()


def stored(engine, run_id):
    rows = engine.fetch(
        "SELECT link, seq, words FROM chunks WHERE run_id = {run:UInt32} ORDER BY link, seq",
        {"run": run_id},
    )
    links = np.array(rows["link"].to_pylist())
    for link in np.unique(links):
        seqs = rows.filter(links == link)["seq"].to_pylist()
        assert seqs == list(range(len(seqs)))
    return np.sort(rows["words"].combine_chunks().flatten().to_numpy())


@pytest.mark.parametrize("away", [1, 0])
def test_a_readout_starts_and_takes_new_links_while_a_shard_is_away(
    shards_engine, servers, tmp_path, away
):
    slices = list(live(DETECTOR, Conditions(), 1, duration_s=0.3, speed=float("inf")))
    one, other = (np.concatenate([s.links[link] for s in slices]) for link in slices[0].links)
    words = dict(enumerate([*np.array_split(one, 2), other]))
    port, name = free_port(), f"without shard {away}"
    first, second, third = words
    if away == 0:  # the catalogue's shard: the run must have been begun
        with readout(tmp_path, servers, name, port) as process:
            send(port, first, words[first], process)
            # In the middle of a statement the library that stands in for a server would end, too.
            run_id = find_run(shards_engine, name).run_id
            until = time.monotonic() + 60
            while len(stored(shards_engine, run_id)) < len(words[first]):
                assert time.monotonic() < until
                time.sleep(0.05)
            process.send_signal(signal.SIGKILL)
            process.wait()
    else:
        first = None
    servers[away].kill()
    try:
        with readout(tmp_path, servers, name, port) as process:
            send(port, second, words[second], process)
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate(timeout=120)
            assert "Traceback" not in said
        waits = len(list((tmp_path / "spool").glob("*.batch")))
        assert waits
    finally:
        servers[away].start()
    with readout(tmp_path, servers, name, port) as process:
        until = time.monotonic() + 60
        while not (tmp_path / "spool" / "standing.json").exists():
            assert time.monotonic() < until
            time.sleep(0.05)
        send(port, third, words[third], process)
        process.send_signal(signal.SIGTERM)
        out, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
        assert '"spooled": 0' in out
    sent = [words[link] for link in (first, second, third) if link is not None]
    run = find_run(shards_engine, name)
    assert run.state == "closed"
    assert np.array_equal(stored(shards_engine, run.run_id), np.sort(np.concatenate(sent)))

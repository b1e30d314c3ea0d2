"""Power cuts: what was acknowledged is on the disk, words as well as results."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from disk import disk
from elsewhere import elsewhere
from ticks import NOW, Hit, toy_chunk, toy_run

from db.catalogue.runs import find_run
from db.results.rows import list_lineages, read_committed
from db.store import open_store
from db.words.chunks import read_words, write_chunks
from ops.chaos.numbered import EVERY, words, write_files
from ops.demo.front_end import Sender
from ops.servers.ports import free_port
from readout.control import journal

EVERYHIT = Path(sys.executable).parent / "everyhit"
SPACING = 4000
LINKS = 4


@pytest.fixture
def own_disk(tmp_path):
    with disk(tmp_path) as made:
        yield made


def stored(store: Path) -> dict[int, tuple[int, int, int]]:
    """For each link the number of its words, of different ones, and of those that were sent."""
    with open_store(str(store)) as at:
        rows = at.engine.fetch(
            "SELECT link, count() AS n, uniqExact(word) AS different,"
            f" uniqExactIf(word, bitAnd(word, {2**48 - 1}) % {SPACING} = 0) AS sent"
            " FROM chunks ARRAY JOIN words AS word GROUP BY link ORDER BY link"
        )
    return {row.pop("link"): tuple(row.values()) for row in rows.to_pylist()}


def results(store: Path) -> list[int]:
    """The times that the trigger of the newest run found, since the first."""
    with open_store(str(store)) as at:
        run = find_run(at.engine)
        (lineage,) = list_lineages(at.engine, run.run_id, "each_of_many")
        rows = read_committed(at.engine, lineage, run.cell, -(2**60), 2**60)
    return (rows["t"].sort() - rows["t"].min()).to_list()


def readout(folder: Path, detector: Path, port: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [
            *(EVERYHIT, "readout", "--run", "beam", "--detector", detector, "--json"),
            *("--store", folder / "store", "--spool", folder / "spool"),
            *("--tcp", f"127.0.0.1:{port}"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_no_acknowledged_word_is_lost(own_disk, tmp_path):
    detector, _ = write_files(tmp_path)
    port, n = free_port(), 0
    process = readout(own_disk.path, detector, port)
    try:
        senders = [Sender(("127.0.0.1", port), link, 1) for link in range(LINKS)]
        until = None
        while until is None or time.monotonic() < until:
            for sender in senders:
                sender.send(words(n, n + 2500, SPACING))
                sender.poll()
            n += 2500
            time.sleep(0.01)
            if until is None and all(sender.safe for sender in senders):
                until = time.monotonic() + 3
        own_disk.cut_power()
    finally:
        process.kill()
        process.communicate()
    own_disk.restore()
    process = readout(own_disk.path, detector, port)
    try:
        for sender in senders:  # they send what was not acknowledged, and nothing else
            sender.drain()
        process.terminate()
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, said
    assert elsewhere(stored, own_disk.path / "store") == dict.fromkeys(range(LINKS), (n, n, n))


def test_what_a_command_has_finished_is_there(own_disk, tmp_path):
    """Words, results and the ledger, of a command that has just ended with code 0."""
    detector, triggers = write_files(tmp_path)
    n, file, store = 100_000, tmp_path / "words", own_disk.path / "store"
    words(0, n, SPACING).tofile(file)
    subprocess.run(
        [
            *(EVERYHIT, "ingest", file, "--detector", detector, "--store", store),
            *("--trigger", "each_of_many"),
        ],
        check=True,
        capture_output=True,
        env=os.environ | {"EVERYHIT_TRIGGERS": f'["{triggers}"]'},
    )
    own_disk.cut_power()
    own_disk.restore()
    assert elsewhere(stored, store) == {0: (n, n, n)}
    assert elsewhere(results, store) == list(range(0, n * SPACING, EVERY * SPACING))


def write_three_words(store: Path, tried: bool) -> int:
    """Write the same block as ever, and return how many words the store has then."""
    with open_store(str(store)) as at:
        run = toy_run(at.engine)
        hits = [Hit(t, 0, 1) for t in (1, 2, 3)]
        chunk = toy_chunk(1, 0, 0, hits, 0, at=1)
        write_chunks(at.engine, [chunk], run.detector, NOW, tried=tried)
        return len(read_words(at.engine, 1, 0, 9, 500).words)


def test_a_block_whose_answer_was_cut_off_is_stored_once(own_disk):
    """The store syncs the block, and not its note that it has it."""
    store = own_disk.path / "store"
    assert elsewhere(write_three_words, store, False) == 3
    own_disk.cut_power()
    own_disk.restore()
    assert elsewhere(write_three_words, store, True) == 3


def test_an_order_that_was_kept_is_known(own_disk):
    """What a readout was ordered is on the disk before it says that it obeys."""
    for store in ("here", "there"):
        journal.save(own_disk.path, journal.Journal(store=store))
    own_disk.cut_power()
    own_disk.restore()
    assert journal.load(own_disk.path).store == "there"

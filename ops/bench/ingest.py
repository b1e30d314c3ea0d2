"""Writing words: into the store, against lz4 files from NumPy."""

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import lz4.frame
import numpy as np

from db.catalogue.runs import Run
from db.engine import Engine
from db.words.chunks import read_words, write_chunks
from ops.bench.result import Result, in_turns
from ops.bench.telescope import beam, cut, new_run
from readout.readout import Readout
from readout.source.block import Block


def ingest(engine: Engine, folder: Path, hits: int, repeats: int) -> Result:
    """Measure the store's insert alone, with and without the rollup of rates, and the readout.

    ``folder`` is for the peer's file: give the store's disk. Both sides wait for the disk (fsync).
    Background merges go on as they like; each turn begins when there are none.
    """
    given = beam(hits)
    detector = new_run(engine).detector
    rollup = "rates_of_chunks"
    groups = cut(detector, 0, given)
    runs: dict[str, Run] = {}

    def chunks() -> Callable[[], None]:
        wait_for_merges(engine)
        run = runs["chunks"] = new_run(engine)
        mine = [[replace(chunk, run_id=run.run_id) for chunk in group] for group in groups]

        def work() -> None:
            for group in mine:
                write_chunks(engine, group, detector, datetime.now(UTC))

        return work

    def without_rollup() -> Callable[[], None]:
        work = chunks()

        def unrolled() -> None:
            # Detached for a moment only: opening the store would attach it again.
            engine.execute(f"DETACH TABLE {rollup}")
            try:
                work()
            finally:
                engine.execute(f"ATTACH TABLE {rollup}")

        return unrolled

    def readout() -> Callable[[], None]:
        wait_for_merges(engine)
        run = runs["readout"] = new_run(engine)

        def work() -> None:
            with Readout(engine, run) as taking:
                for block in given:
                    taking.push(block)

        return work

    with tempfile.TemporaryDirectory(dir=folder) as place:
        file = Path(place) / "words.lz4"

        def files() -> Callable[[], None]:
            wait_for_merges(engine)
            return lambda: _write_file(file, given)

        before = stored_bytes(engine)
        chunks()()
        stored = stored_bytes(engine) - before
        timings = in_turns(
            {"ingest": chunks, "no rollup": without_rollup, "readout": readout, "files": files},
            repeats,
        )
        n = sum(len(block.words) for block in given)
        assert all(same_words(engine, run, file) for run in runs.values())
        peer_bytes = file.stat().st_size
    return Result(
        name="ingest",
        hits=n,
        ours=timings["ingest"],
        peer_name="NumPy to lz4 files",
        peer=timings["files"],
        also={
            "without the rollup of rates": timings["no rollup"],
            "readout: chunker, writer, rollup": timings["readout"],
        },
        extra={
            "bytes_per_word": round(stored / n, 3),
            "compression": round(8 * n / stored, 3),
            "peer_bytes_per_word": round(peer_bytes / n, 3),
            "fsync": True,
            "same_words": True,
        },
    )


def _write_file(file: Path, given: list[Block]) -> None:
    with file.open("wb") as out:
        for block in given:
            out.write(lz4.frame.compress(block.words))
        out.flush()
        os.fsync(out.fileno())


def same_words(engine: Engine, run: Run, file: Path) -> bool:
    """Return whether a run has the words that the peer's file has, in whatever order."""
    stored = read_words(engine, run.run_id, -(2**61), 2**61, run.detector.slice).words
    with lz4.frame.open(file) as stream:
        written = np.frombuffer(stream.read(), np.uint64)
    return np.array_equal(np.sort(stored), np.sort(written))


def stored_bytes(engine: Engine) -> int:
    """Return what the chunks take on the disk."""
    parts = engine.fetch(
        "SELECT sum(bytes_on_disk) AS n FROM system.parts"
        " WHERE active AND database = currentDatabase() AND table = 'chunks'"
    )
    return int(parts["n"][0].as_py() or 0)


def wait_for_merges(engine: Engine) -> None:
    """Wait until the engine merges nothing in the background."""
    while engine.fetch("SELECT count() AS n FROM system.merges")["n"][0].as_py():
        time.sleep(0.01)

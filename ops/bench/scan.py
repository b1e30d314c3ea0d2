"""Occupancy of each channel over a whole run: by SQL, by the rollup, by Polars; against a file."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from db.engine import Engine
from db.words.hits_view import key
from db.words.rates import rates_sql
from ops.bench.result import Result, in_turns
from ops.bench.telescope import beam, stored
from software_triggers.task.relations import read_frame
from software_triggers.window import Window

Counts = NDArray[np.int64]
CHANNELS = 4096
EVER = Window(-(2**61), 2**61)


def scan(engine: Engine, folder: Path, hits: int, repeats: int) -> Result:
    """Measure how fast all words of a run are decoded and counted, in each of the ways.

    ``folder`` is for the peer's file of raw words. The rollup has its answer ready: it counted the
    words as they came.
    """
    given = beam(hits)
    run = stored(engine, given)
    words = np.concatenate([block.words for block in given])
    counts: dict[str, Counts] = {}

    def by_view() -> None:
        counts["view"] = _by_channel(
            engine.fetch(
                "SELECT fpga * 512 + tdc_channel AS channel, count() AS n"
                f" FROM words_{key(run.detector)}"
                "(run = {run:UInt32}, a = {a:Int64}, b = {b:Int64}) GROUP BY channel",
                {"run": run.run_id, "a": EVER.a, "b": EVER.b},
            )
        )

    def by_rollup() -> None:
        rates = rates_sql(engine, run, EVER.a, EVER.b)
        sql = f"SELECT channel, sum(n_hits) AS n FROM ({rates}) GROUP BY channel"
        counts["rollup"] = _by_channel(engine.fetch(sql))

    def by_polars() -> None:
        frame = read_frame(engine, run, EVER, ["fpga", "tdc_channel"], hits_only=False)
        channel = pl.col("fpga").cast(pl.Int64) * 512 + pl.col("tdc_channel")
        counted = frame.group_by(channel.alias("channel")).agg(pl.len().alias("n"))
        counts["polars"] = _by_channel(counted)

    with tempfile.TemporaryDirectory(dir=folder) as place:
        file = Path(place) / "words.npy"
        np.save(file, words)

        def by_numpy() -> None:
            mapped = np.load(file, mmap_mode="r")
            channel = (mapped >> 58 & 7) * 512 + (mapped >> 49 & 511)
            counts["peer"] = np.bincount(channel.view(np.int64), minlength=CHANNELS)

        works = {"view": by_view, "rollup": by_rollup, "polars": by_polars, "peer": by_numpy}
        timings = in_turns({name: _always(work) for name, work in works.items()}, repeats)
    assert all(np.array_equal(each, counts["peer"]) for each in counts.values())
    assert counts["peer"].sum() == len(words)
    return Result(
        name="scan",
        hits=len(words),
        ours=timings["view"],
        peer_name="NumPy on a memory-mapped file of raw words",
        peer=timings["peer"],
        also={
            "rollup of rates": timings["rollup"],
            "Polars on decoded words": timings["polars"],
        },
        extra={"channels": int(np.count_nonzero(counts["peer"])), "same_answer": True},
    )


def _always(work: Callable[[], None]) -> Callable[[], Callable[[], None]]:
    return lambda: work


def _by_channel(table: Any) -> Counts:
    """Return an array of counts, by channel, of a table or frame with channel and n."""
    counts = np.zeros(CHANNELS, np.int64)
    counts[table["channel"].to_numpy()] = table["n"].to_numpy()
    return counts

"""A run's time in stretches of about equal content: so that any range fits in memory piecewise."""

from collections.abc import Iterator
from itertools import pairwise

import polars as pl

from db.catalogue.runs import Run
from db.engine import Engine
from db.words.overlap import OVERLAP

Range = tuple[int, int]
"""Times [a, b) in ticks."""
LOOK = 8192
"""Rows of the index read at once."""


def of_hits(engine: Engine, run: Run, a: int, b: int, most: int) -> Iterator[Range]:
    """Yield neighbouring stretches that cover all words in [a, b), about ``most`` in each.

    They end where slices end, so that each chunk is read once; only a slice that holds more is
    cut. Times without words are left out.
    """
    ticks, look, start = run.detector.slice, LOOK, a
    while start < b:
        table = engine.fetch(
            f"SELECT t_first, n_hits FROM chunks WHERE {OVERLAP} AND n_hits > 0"
            " ORDER BY t_first LIMIT {look:UInt64}",
            {"run": run.run_id, "a": start, "b": b, "slice": ticks, "look": look},
        )
        rows = pl.DataFrame(pl.from_arrow(table))
        counts = counted(rows.select(pl.col("t_first") // ticks, "n_hits"))
        if len(rows) < look:
            yield from grouped(counts, ticks, start, b, most)
            return
        if len(counts) == 1:
            look *= 2
            continue
        last = counts["place"][-1] * ticks  # more of this slice may follow
        yield from grouped(counts.head(-1), ticks, start, min(last, b), most)
        start = last


def counted(rows: pl.DataFrame) -> pl.DataFrame:
    """Return place (number of a slice or cell) and n, ordered, from two such columns."""
    place, n = rows.columns
    counted = rows.group_by(pl.col(place).alias("place")).agg(pl.col(n).cast(pl.Int64).sum())
    return counted.rename({n: "n"}).sort("place")


def grouped(counts: pl.DataFrame, ticks: int, a: int, b: int, most: int) -> Iterator[Range]:
    """Yield neighbouring stretches of [a, b) with about ``most`` in each, from ``counted`` places
    of so many ticks."""
    start, held = a, 0
    end = a
    for place, n in counts.iter_rows():
        low, high = max(a, place * ticks), min(b, (place + 1) * ticks)
        if held and held + n > most:
            yield start, end
            held = 0
        if not held:
            start = low
        held, end = held + n, high
        if held > most:  # a single place holds too much
            parts = min(-(-held // most), end - start)
            edges = [start + (end - start) * k // parts for k in range(parts + 1)]
            yield from pairwise(edges)
            held = 0
    if held:
        yield start, end

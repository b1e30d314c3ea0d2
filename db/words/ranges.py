"""A run's time in stretches of about equal content: so that any range fits in memory piecewise."""

from collections.abc import Iterator
from itertools import pairwise

import polars as pl

from db.catalogue.runs import Run
from db.engine import Engine
from db.results.rows import Lineage

Stretch = tuple[int, int]
"""Times [a, b) in ticks."""
_LOOK = 8192
"""Rows of the index read at once."""


def of_hits(engine: Engine, run: Run, a: int, b: int, most: int) -> Iterator[Stretch]:
    """Yield neighbouring stretches that cover all words in [a, b), about ``most`` in each.

    They end where slices end, so that each chunk is read once; only a slice that holds more is
    cut. Times without words are left out.
    """
    ticks, look, start = run.detector.slice, _LOOK, a
    while start < b:
        table = engine.fetch(
            "SELECT t_first, n_hits FROM chunks WHERE run_id = {run:UInt32} AND t_first < {b:Int64}"
            " AND t_first > {a:Int64} - {slice:Int64} AND t_last >= {a:Int64} AND n_hits > 0"
            " ORDER BY t_first LIMIT {look:UInt64}",
            {"run": run.run_id, "a": start, "b": b, "slice": ticks, "look": look},
        )
        rows = pl.DataFrame(pl.from_arrow(table))
        counts = _counted(rows.select(pl.col("t_first") // ticks, "n_hits"))
        if len(rows) < look:
            yield from _grouped(counts, ticks, start, b, most)
            return
        if len(counts) == 1:
            look *= 2
            continue
        last = counts["place"][-1] * ticks  # more of this slice may follow
        yield from _grouped(counts.head(-1), ticks, start, min(last, b), most)
        start = last


def of_rows(
    engine: Engine, run: Run, lineage: Lineage, a: int, b: int, most: int
) -> Iterator[Stretch]:
    """Yield neighbouring stretches that cover a lineage's committed rows in [a, b).

    Each holds about ``most`` rows; stretches without any are left out.
    """
    start = a
    while start < b:
        table = engine.fetch(
            _CELLS,
            {
                "run": run.run_id,
                "lineage": lineage.lineage,
                "first": start // run.cell,
                "stop": -(-b // run.cell),
                "look": _LOOK,
            },
        )
        rows = pl.DataFrame(pl.from_arrow(table))
        counts = _counted(rows)
        yield from _grouped(counts, run.cell, start, b, most)
        if len(rows) < _LOOK:
            return
        start = (counts["place"][-1] + 1) * run.cell


_CELLS = """
SELECT cell, argMax(n_rows, (revision, n_inputs, attempt)) AS n
FROM ledger
WHERE run_id = {run:UInt32} AND lineage = {lineage:String}
    AND cell >= {first:Int64} AND cell < {stop:Int64}
GROUP BY cell HAVING n > 0 ORDER BY cell LIMIT {look:UInt64}
"""


def _counted(rows: pl.DataFrame) -> pl.DataFrame:
    """Return place (number of a slice or cell) and n, ordered, from two such columns."""
    place, n = rows.columns
    counted = rows.group_by(pl.col(place).alias("place")).agg(pl.col(n).cast(pl.Int64).sum())
    return counted.rename({n: "n"}).sort("place")


def _grouped(counts: pl.DataFrame, ticks: int, a: int, b: int, most: int) -> Iterator[Stretch]:
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

"""For which times lineages were run, and which of them answers for a range."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import polars as pl
import pyarrow as pa

from db.engine import Engine
from db.results.rows import Lineage
from db.time import WHOLE


@dataclass(frozen=True)
class Ran:
    """A lineage was run over times [a, b) in ticks, at last when it says."""

    a: int
    b: int
    at: datetime


def note_ran(
    engine: Engine, lineages: Collection[Lineage], span: tuple[int, int] | None = None
) -> None:
    """Enter that lineages of one run were run over [a, b) ticks; None stands for all times.

    It is the last of its run even if the clock has been set back.
    """
    if not lineages:
        return
    run_id, n = next(iter(lineages)).run_id, len(lineages)
    newest = engine.fetch(
        "SELECT greatest(now64(6), max(at) + toIntervalMicrosecond(1)) AS at"
        " FROM lineage_runs WHERE run_id = {run:UInt32}",
        {"run": run_id},
    )["at"][0]
    a, b = span or WHOLE
    rows = pa.table(
        {
            "run_id": pa.array([run_id] * n, pa.uint32()),
            "name": [each.name for each in lineages],
            "lineage": [each.lineage for each in lineages],
            "a": pa.array([a] * n, pa.int64()),
            "b": pa.array([b] * n, pa.int64()),
            "at": pa.array([newest.as_py()] * n, pa.timestamp("us", "UTC")),
        }
    )
    engine.insert("lineage_runs", rows)


def list_ran(engine: Engine, run_id: int) -> dict[str, list[Ran]]:
    """Return for each lineage of a run the ranges over which it was run."""
    found: dict[str, list[Ran]] = defaultdict(list)
    rows = engine.fetch(
        "SELECT lineage, a, b, max(at) AS at FROM lineage_runs WHERE run_id = {run:UInt32}"
        " GROUP BY lineage, a, b",
        {"run": run_id},
    )
    # pyarrow would load pandas for the times, which takes 0.2 s.
    for row in pl.DataFrame(pl.from_arrow(rows)).to_dicts():
        found[row.pop("lineage")].append(Ran(**row))
    return found


def newest_for(
    lineages: Sequence[Lineage], ran: Mapping[str, Sequence[Ran]], a: int, b: int
) -> Lineage:
    """Return which of a trigger's lineages answers for [a, b).

    It is the one that was run for most of the range; of several, the one that was last run for all
    that they share. ``lineages`` are given newest first, which decides when nothing else does.
    """

    def rank(lineage: Lineage) -> tuple[int, float]:
        pieces = _pieces(ran.get(lineage.lineage, ()), a, b)
        lacking = sum(high - low for low, high, at in pieces if at is None)
        times = [at.timestamp() for _, _, at in pieces if at is not None]
        return -lacking, min(times, default=0.0)

    return max(lineages, key=rank)


def lacking(ran: Sequence[Ran], a: int, b: int) -> list[tuple[int, int]]:
    """Return the parts of [a, b) for which a lineage was never run to the end."""
    parts: list[tuple[int, int]] = []
    for low, high, at in _pieces(ran, a, b):
        if at is None:
            if parts and parts[-1][1] == low:
                low = parts.pop()[0]
            parts.append((low, high))
    return parts


def _pieces(ran: Sequence[Ran], a: int, b: int) -> list[tuple[int, int, datetime | None]]:
    """Return [a, b) in pieces, and when each was run last; None where never."""
    edges = sorted({a, b, *(e for each in ran for e in (each.a, each.b) if a < e < b)})
    return [
        (low, high, max((r.at for r in ran if r.a <= low and high <= r.b), default=None))
        for low, high in pairwise(edges)
    ]

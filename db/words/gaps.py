"""Where a link was blind, and what that leaves of live time."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import polars as pl
import pyarrow as pa

from db.engine import Engine
from db.engine.once import insert_once


@dataclass(frozen=True)
class Gap:
    """Times [a, b) in which a link's data are missing, or were thinned out on purpose."""

    run_id: int
    link: int
    cause: str
    a: int
    b: int
    dead: bool = True
    """True where nothing of the link can be trusted; False for a prefilter or a prescale, which
    removed words by a known rule."""
    n_lost: int = 0
    """Hits that are known to be missing, other words of a hit's length among them: what ``n_hits``
    counts of a chunk."""
    detail: str = ""


def book_gaps(
    engine: Engine, gaps: Sequence[Gap], token: str | None = None, *, tried: bool = False
) -> None:
    """Record the gaps, with a token once, also where it may have been ``tried`` before.

    Raises StoreError. No range is empty: a < b is asserted.
    """
    if not gaps:
        return
    assert all(gap.a < gap.b for gap in gaps)
    kinds = {
        "run_id": pa.uint32(),
        "link": pa.uint16(),
        "cause": pa.string(),
        "a": pa.int64(),
        "b": pa.int64(),
        "dead": pa.bool_(),
        "n_lost": pa.uint64(),
        "detail": pa.string(),
    }
    table = {name: pa.array([getattr(g, name) for g in gaps], kind) for name, kind in kinds.items()}
    there = partial(_has_gap, engine.here, gaps[0]) if tried else None
    insert_once(engine, "gaps", pa.table(table), token, there)


def _has_gap(engine: Engine, gap: Gap) -> bool:
    found = engine.fetch(
        "SELECT count() AS n FROM gaps WHERE run_id = {run:UInt32} AND link = {link:UInt16}"
        " AND a = {a:Int64} AND b = {b:Int64} AND cause = {cause:String}"
        " AND detail = {detail:String}",
        {"run": gap.run_id, "link": gap.link, "a": gap.a, "b": gap.b}
        | {"cause": gap.cause, "detail": gap.detail},
    )
    return bool(found["n"][0].as_py())


def read_gaps(engine: Engine, run_id: int) -> pl.DataFrame:
    """Return the run's gaps in order of their begin."""
    table = engine.fetch(
        "SELECT link, cause, a, b, dead, n_lost, detail FROM gaps WHERE run_id = {run:UInt32}"
        " ORDER BY a, b, link",
        {"run": run_id},
    )
    return pl.DataFrame(pl.from_arrow(table))


def live_ticks(engine: Engine, run_id: int, a: int, b: int) -> int:
    """Return the ticks of [a, b) in which every link was live: between 0 and b - a.

    Gaps that overlap, of one link or of several, count once.
    """
    dead = engine.fetch(_DEAD_TICKS, {"run": run_id, "a": a, "b": b})["dead"][0].as_py()
    return max(0, b - a) - int(dead)


# Each gap adds what reaches beyond the end of all gaps that began before it.
_DEAD_TICKS = """
SELECT sum(greatest(0, stop - greatest(start, covered))) AS dead
FROM (
    SELECT start, stop,
        ifNull(max(toNullable(stop)) OVER (
            ORDER BY start, stop ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ), start) AS covered
    FROM (
        SELECT greatest(a, {a:Int64}) AS start, least(b, {b:Int64}) AS stop
        FROM gaps WHERE run_id = {run:UInt32} AND dead AND a < {b:Int64} AND b > {a:Int64}
    )
)
"""

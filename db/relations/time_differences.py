"""How far rows lie from each other in time, counted in the database."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np

from db.engine import Engine
from db.relations.away import with_words
from db.relations.histogram import Histogram, count_values, whole_bins
from db.relations.relation import Relation, select_of
from db.selection import Node, names, to_sql

MOST_ROWS = 4_000_000
"""Rows that are sorted at once: what a statement needs of memory does not grow with the run."""
Told = Callable[[float], None]
"""Hears which part of the work is done."""
Bins = tuple[int, float, float]
"""Number, begin and end."""


def count_rows(engine: Engine, rows: Relation) -> int:
    """Return how many rows a relation has."""
    return _one(engine, rows, lambda select: f"SELECT count() AS n FROM ({select})")


def to_previous(
    engine: Engine,
    rows: Relation,
    by: str | None,
    high: int,
    n: int,
    seconds: float,
    told: Told = lambda _: None,
) -> Histogram:
    """Return the histogram of ticks to each row from the one before it, from 0 to ``high``.

    With ``by``, a column, from the one before it with the same value. What lies further apart is
    ``above``; a row that has none before it counts nowhere. Each piece takes so many seconds at
    most.
    """
    columns = () if by is None else (by,)
    group = "" if by is None else f"PARTITION BY `{by}` "
    bins = whole_bins(0, high, n)
    reach = int(bins[2])

    def differences(piece: Relation, a: int, b: int) -> str:
        select = select_of(engine, replace(piece, columns=columns))
        order = f"{group}ORDER BY t ROWS BETWEEN 1 PRECEDING AND 1 PRECEDING"
        # A row without one before it within reach has that further away, or none.
        return (
            f"SELECT ifNull(t - before, {reach + 1}) AS d FROM (SELECT t,"
            f" any(toNullable(t)) OVER ({order}) AS before"
            f" FROM ({select})) WHERE t >= {a} AND t < {b}"
        )

    counted = _in_pieces(engine, rows, differences, bins, reach + 1, seconds, told)
    groups = "least(count(), 1)" if by is None else f"uniqExact(tuple(`{by}`))"
    whole = replace(rows, columns=columns)
    first = _one(engine, whole, lambda select: f"SELECT {groups} AS n FROM ({select})")
    return replace(counted, above=counted.above - first)


def between(
    engine: Engine,
    rows: Relation,
    first: Node,
    second: Node,
    within: int,
    n: int,
    seconds: float,
    told: Told = lambda _: None,
) -> Histogram:
    """Return the histogram of ticks from rows of one selection to rows of another.

    Each pair counts whose difference is at least -``within`` and lies in a bin; a row is not paired
    with itself. Each piece takes so many seconds at most.
    """
    columns = tuple(names(first) | names(second))
    starts, ends = to_sql(first), to_sql(second)
    bins = whole_bins(-within, within, n)
    reach = int(bins[2])

    def differences(piece: Relation, a: int, b: int) -> str:
        select = select_of(engine, replace(piece, columns=columns))
        frame = f"RANGE BETWEEN {within} PRECEDING AND {reach} FOLLOWING"
        return (
            f"SELECT arrayJoin(near) - t AS d FROM (SELECT t, {starts} AS wanted,"
            f" groupArrayIf(t, {ends}) OVER (ORDER BY t {frame}) AS near"
            f" FROM ({select})) WHERE wanted AND t >= {a} AND t < {b}"
        )

    counted = _in_pieces(engine, rows, differences, bins, reach, seconds, told)
    with_itself = _one(
        engine,
        replace(rows, columns=columns),
        lambda select: f"SELECT countIf(({starts}) AND ({ends})) AS n FROM ({select})",
    )
    counts = list(counted.counts)
    counts[int(-counted.low // counted.width)] -= with_itself
    return replace(counted, counts=counts)


def _in_pieces(
    engine: Engine,
    rows: Relation,
    differences: Callable[[Relation, int, int], str],
    bins: Bins,
    margin: int,
    seconds: float,
    told: Told,
) -> Histogram:
    """Count differences over ranges of time with so many ticks of margin, and add them up."""
    n, low, high = bins
    n_pieces = max(1, -(-count_rows(engine, rows) // MOST_ROWS))
    cuts = [rows.a + (rows.b - rows.a) * k // n_pieces for k in range(n_pieces + 1)]
    counts, below, above = np.zeros(n, np.int64), 0, 0
    for k, (a, b) in enumerate(pairwise(cuts), 1):
        piece = replace(rows, a=max(rows.a, a - margin), b=min(rows.b, b + margin))
        found = with_words(
            engine,
            {"": piece},
            lambda of, a=a, b=b: count_values(  # type: ignore[misc]
                engine, differences(of[""], a, b), "d", n, low, high, seconds
            ),
        )
        counts += found.counts
        below, above = below + found.below, above + found.above
        told(k / n_pieces)
    return Histogram(low, high, counts.tolist(), below, above, whole=True)


def _one(engine: Engine, rows: Relation, ask: Callable[[str], str]) -> int:
    """Return the number n of a statement over the SELECT of a relation's rows."""
    found = with_words(engine, {"": rows}, lambda of: engine.fetch(ask(select_of(engine, of[""]))))
    return int(found["n"][0].as_py())

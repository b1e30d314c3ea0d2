"""A row by its time, and the rows beside it, however far: they are looked for near first."""

from collections.abc import Iterator
from typing import Any

from db.engine import Engine
from db.results.rows import Lineage, committed_sql, row_hash_sql
from db.selection import Node, to_sql

Row = dict[str, Any]
NEAR = 16
"""Windows that are looked at first."""
WIDER = 8
"""How many times as many are looked at next."""
_NOWHERE = 2**62
"""A time that no row has."""


def row_at(engine: Engine, lineage: Lineage, cell_ticks: int, t: int) -> Row | None:
    """Return the committed row of a time in ticks; None if there is none.

    Of several it is the first in an order of their content, whatever way they were stored.
    """
    return _row(engine, lineage, cell_ticks, "{t:Int64}", {"t": t})


def last_row(
    engine: Engine,
    lineage: Lineage,
    cell_ticks: int,
    t: int | None = None,
    where: Node | None = None,
) -> Row | None:
    """Return the last committed row that a selection keeps, of times up to and including t ticks.

    None if there is none. Of several of one time it is the same as ``row_at``.
    """
    end = None if t is None else t + 1
    if end is not None:
        found = _last_row(engine, lineage, cell_ticks, end - NEAR * cell_ticks, end, where)
        if found is not None:
            return found
        end -= NEAR * cell_ticks
    start, stop = _extent(engine, lineage, cell_ticks)
    end = stop if end is None else min(end, stop)
    for near, far in _ever_wider(cell_ticks, end - start):
        found = _last_row(engine, lineage, cell_ticks, end - far, end - near, where)
        if found is not None:
            return found
    return None


def times_beside(
    engine: Engine, lineage: Lineage, cell_ticks: int, t: int, where: Node | None = None
) -> tuple[int | None, int | None]:
    """Return the time of the last committed row before t that a selection keeps, and that of the
    first behind t, in ticks; None where there is none."""

    def within(a: int, b: int) -> tuple[int | None, int | None]:
        return _beside(engine, lineage, cell_ticks, t, a, b, where)

    near = NEAR * cell_ticks
    before, after = within(t - near, t + near)
    if before is not None and after is not None:
        return before, after
    start, stop = _extent(engine, lineage, cell_ticks)
    if before is None:
        end = min(t - near, stop)
        looks = (
            within(end - far, end - close)[0] for close, far in _ever_wider(cell_ticks, end - start)
        )
        before = next((found for found in looks if found is not None), None)
    if after is None:
        begin = max(t + near, start)
        looks = (
            within(begin + close, begin + far)[1]
            for close, far in _ever_wider(cell_ticks, stop - begin)
        )
        after = next((found for found in looks if found is not None), None)
    return before, after


def _ever_wider(cell_ticks: int, length: int) -> Iterator[tuple[int, int]]:
    """Yield neighbouring distances [near, far) that cover [0, length), ever longer."""
    near, width = 0, NEAR * cell_ticks
    while near < length:
        far = min(length, near + width)
        yield near, far
        near, width = far, width * WIDER


def _extent(engine: Engine, lineage: Lineage, cell_ticks: int) -> tuple[int, int]:
    """Return the range [a, b) of the windows that a lineage committed; an empty one if none."""
    row = engine.fetch(
        "SELECT min(cell) AS first, max(cell) + 1 AS stop, count() AS n FROM ledger"
        " WHERE run_id = {run:UInt32} AND lineage = {lineage:String}",
        {"run": lineage.run_id, "lineage": lineage.lineage},
    ).to_pylist()[0]
    return (row["first"] * cell_ticks, row["stop"] * cell_ticks) if row["n"] else (0, 0)


def _beside(
    engine: Engine, lineage: Lineage, cell_ticks: int, t: int, a: int, b: int, where: Node | None
) -> tuple[int | None, int | None]:
    """Return what ``times_beside`` does, of rows with times in [a, b)."""
    committed = committed_sql(lineage, cell_ticks, "{a:Int64}", "{b:Int64}")
    found = engine.fetch(
        "SELECT maxOrNullIf(t, t < {t:Int64}) AS before, minOrNullIf(t, t > {t:Int64}) AS after"
        f" FROM ({committed}) WHERE {_kept(where)}",
        {"a": a, "b": b, "t": t},
    ).to_pylist()[0]
    return found["before"], found["after"]


def _last_row(
    engine: Engine, lineage: Lineage, cell_ticks: int, a: int, b: int, where: Node | None
) -> Row | None:
    """Return the last row of [a, b) that a selection keeps: its time is found from one column."""
    committed = committed_sql(lineage, cell_ticks, "{a:Int64}", "{b:Int64}")
    last = f"SELECT maxOrNull(t) FROM ({committed}) WHERE {_kept(where)}"
    t = f"assumeNotNull(ifNull(({last}), {_NOWHERE}))"
    return _row(engine, lineage, cell_ticks, t, {"a": a, "b": b}, where)


def _row(
    engine: Engine,
    lineage: Lineage,
    cell_ticks: int,
    t: str,
    given: dict[str, int],
    where: Node | None = None,
) -> Row | None:
    """Return a row of a time, which is SQL of our own."""
    committed = committed_sql(lineage, cell_ticks, "at", "at + 1")
    rows = engine.fetch(
        f"WITH {t} AS at SELECT * FROM ({committed}) WHERE {_kept(where)}"
        f" ORDER BY {row_hash_sql(lineage.columns)} LIMIT 1",
        given,
    ).to_pylist()
    return rows[0] if rows else None


def _kept(where: Node | None) -> str:
    return "true" if where is None else to_sql(where)

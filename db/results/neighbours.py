"""The row before a time and the one behind it, however far: looked for near first."""

from collections.abc import Iterator

from db.engine import Engine
from db.results.rows import Lineage, committed_sql
from db.selection import Node, to_sql

NEAR = 16
"""Windows that are looked at first."""
WIDER = 8
"""How many times as many are looked at next."""


def row_before(
    engine: Engine, lineage: Lineage, cell_ticks: int, t: int, where: Node | None = None
) -> int | None:
    """Return the time of the last committed row before t that a selection keeps, in ticks.

    None if there is none.
    """
    start, stop = _extent(engine, lineage, cell_ticks)
    end = min(t, stop)
    for near, far in _ever_wider(cell_ticks, end - start):
        found = _end(engine, lineage, cell_ticks, end - far, end - near, where, "max")
        if found is not None:
            return found
    return None


def row_after(
    engine: Engine, lineage: Lineage, cell_ticks: int, t: int, where: Node | None = None
) -> int | None:
    """Return the time of the first committed row behind t that a selection keeps, in ticks.

    None if there is none.
    """
    start, stop = _extent(engine, lineage, cell_ticks)
    begin = max(t + 1, start)
    for near, far in _ever_wider(cell_ticks, stop - begin):
        found = _end(engine, lineage, cell_ticks, begin + near, begin + far, where, "min")
        if found is not None:
            return found
    return None


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


def _end(
    engine: Engine, lineage: Lineage, cell_ticks: int, a: int, b: int, where: Node | None, end: str
) -> int | None:
    committed = committed_sql(lineage, cell_ticks, "{a:Int64}", "{b:Int64}")
    kept = "true" if where is None else to_sql(where)
    found = engine.fetch(
        f"SELECT {end}OrNull(t) AS t FROM ({committed}) WHERE {kept}", {"a": a, "b": b}
    )
    t = found["t"][0].as_py()
    return None if t is None else int(t)

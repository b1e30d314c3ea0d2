"""Events by their place in a run."""

from typing import Any

from db.engine import Engine
from db.relations.relation import Relation, select_of


def event_at(
    engine: Engine, events: Relation, number: int = 0, at: int | None = None
) -> tuple[int, dict[str, Any]] | None:
    """Return an event by its place in order of time; with ``at`` (ticks), the first to end later.

    What comes back is its place among all of the relation, from 0, and its row: t, t_end, word_t,
    raw. None where there is none.
    """
    select = select_of(engine, events)
    rows = engine.fetch(
        f"SELECT t, t_end, word_t, raw FROM ({select}) WHERE t_end > {{at:Int64}}"
        " ORDER BY t LIMIT 1 OFFSET {number:UInt64}",
        {"at": -(2**62) if at is None else at, "number": number},
    ).to_pylist()
    if not rows:
        return None
    if at is not None:
        before = f"SELECT count() AS n FROM ({select}) WHERE t < {{t:Int64}}"
        number = engine.fetch(before, {"t": rows[0]["t"]})["n"][0].as_py()
    return number, rows[0]

"""How far the engine is with a statement that takes long."""

from dataclasses import dataclass

from db.engine import Engine

_APART_S = 0.5


@dataclass(frozen=True)
class StatementProgress:
    """Rows of chunks or results that were read, of about so many."""

    read: int
    total: int
    """0 where the engine can't tell."""


def progress_of(engine: Engine, seconds: float) -> StatementProgress | None:
    """Return how far the statement is that began so many seconds ago; None if none did.

    Raises StoreError where the engine may not be asked.
    """
    rows = engine.fetch(
        "SELECT toInt64(read_rows) AS read, toInt64(total_rows_approx) AS total"
        " FROM system.processes WHERE is_initial_query"
        " AND abs(elapsed - {seconds:Float64}) < {apart:Float64} ORDER BY read DESC LIMIT 1",
        {"seconds": seconds, "apart": _APART_S},
    ).to_pylist()
    return StatementProgress(**rows[0]) if rows else None

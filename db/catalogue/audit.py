"""Who changed what, and what came of it."""

import polars as pl

from db.catalogue.record import enter
from db.engine import Engine


def note(engine: Engine, *, who: str, role: str, action: str, arguments: str, outcome: str) -> None:
    """Record one act; ``arguments`` is JSON."""
    row = {"who": who, "role": role, "action": action, "arguments": arguments, "outcome": outcome}
    enter(engine, "audit", row)


def read_audit(engine: Engine, limit: int) -> pl.DataFrame:
    """Return the newest acts, newest first: at, who, role, action, arguments, outcome."""
    table = engine.fetch("SELECT * FROM audit ORDER BY at DESC LIMIT {n:UInt32}", {"n": limit})
    return pl.DataFrame(pl.from_arrow(table))

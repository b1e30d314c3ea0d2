"""Which different values a relation's rows have, and when."""

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from db.engine import Engine
from db.relations.relation import Relation, select_of

MOST = 1000


def distinct(engine: Engine, rows: Relation, columns: Sequence[str]) -> pl.DataFrame:
    """Return the different values of columns with the times ``first`` and ``last`` in ticks at
    which rows have them, the earliest first; up to a thousand."""
    listed = ", ".join(f"`{name}`" for name in columns)
    select = select_of(engine, replace(rows, columns=columns))
    table = engine.fetch(
        f"SELECT {listed}, min(t) AS first, max(t) AS last FROM ({select})"
        f" GROUP BY {listed} ORDER BY first, {listed} LIMIT {MOST}"
    )
    return pl.DataFrame(pl.from_arrow(table))

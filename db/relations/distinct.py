"""Which different values a relation's rows have, and when."""

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from db.engine import Engine
from db.relations.away import with_words
from db.relations.relation import Relation, select_of

MOST = 1000


def distinct(engine: Engine, rows: Relation, columns: Sequence[str]) -> pl.DataFrame:
    """Return the different values of columns with the times ``first`` and ``last`` in ticks at
    which rows have them, the earliest first; up to a thousand."""
    listed = ", ".join(f"`{name}`" for name in columns)
    table = with_words(
        engine,
        {"": replace(rows, columns=columns)},
        lambda of: engine.fetch(
            f"SELECT {listed}, min(t) AS first, max(t) AS last FROM ({select_of(engine, of[''])})"
            f" GROUP BY {listed} ORDER BY first, {listed} LIMIT {MOST}"
        ),
    )
    return pl.DataFrame(pl.from_arrow(table))

"""A relation's rows, whichever home the words are in of which they are made."""

import pyarrow as pa

from db.engine import Engine
from db.relations.away import with_words
from db.relations.relation import Relation, select_of


def read(engine: Engine, relation: Relation, *, ordered: bool = True) -> pa.Table:
    """Return a relation's rows with exactly its columns, ordered by t unless told not to."""
    columns = relation.columns
    listed = "*" if columns is None else ", ".join(f"`{name}`" for name in columns)
    order = " ORDER BY t" if ordered else ""
    return with_words(
        engine,
        {"": relation},
        lambda of: engine.fetch(f"SELECT {listed} FROM ({select_of(engine, of[''])}){order}"),
    )

"""Rows of a run that have a name, as a value: what travels in place of SQL text."""

from collections.abc import Collection
from dataclasses import dataclass

from db.catalogue.runs import Run
from db.engine import Engine
from db.results.rows import Lineage, attempt_sql, committed_sql
from db.selection import Node, names, to_sql
from db.words.hits_view import hits_sql
from db.words.rates import rates_sql

SOURCES = ("hits", "words", "rates")
"""What every trigger may read besides the results of other triggers."""


@dataclass(frozen=True)
class Relation:
    """Hits, words, rates or gaps of a run, or what a trigger found in it."""

    name: str
    """hits, words, rates, gaps, or a trigger's name."""
    run: Run
    a: int
    b: int
    """Rows with t in [a, b) ticks. A slice's rates have the time at which it begins. Gaps are
    always all."""
    lineage: Lineage | None = None
    """That of the trigger's results; None for what the readout wrote."""
    columns: Collection[str] | None = None
    """Those of interest beside t, in order; None for all. Names that it lacks are ignored."""
    where: Node | None = None
    """A selection over its columns that rows must meet; None for all rows."""
    attempt: int | None = None
    """That which stored the trigger's rows, in place of those that the ledger says count."""
    fetched: int | None = None
    """The number under which words that lie in another home were fetched into the store."""

    shuffled: bool = False
    """In an order of chance: to see whether an answer depends on it."""

    @property
    def of_words(self) -> bool:
        """Whether its rows are made of words."""
        return self.lineage is None and self.name in ("hits", "words")


def select_of(engine: Engine, relation: Relation) -> str:
    """Return the SELECT of a relation's rows: t, its columns, and those that its selection reads.

    Raises StoreError where rates are asked for and their counts can't be read.
    """
    select = _source(engine, relation)
    if relation.shuffled:
        select = f"SELECT * FROM ({select}) ORDER BY rand()"
    if relation.where is None:
        return select
    return f"SELECT * FROM ({select}) WHERE {to_sql(relation.where)}"


def _source(engine: Engine, relation: Relation) -> str:
    run, a, b = relation.run, relation.a, relation.b
    wanted = None
    if relation.columns is not None:
        wanted = {"t", *relation.columns}
        wanted |= names(relation.where) if relation.where is not None else set()
    if relation.lineage is not None:
        columns = [c for c in relation.lineage.columns if wanted is None or c in wanted]
        if relation.attempt is not None:
            cells = range(a // run.cell, -(-b // run.cell))
            return attempt_sql(relation.lineage, relation.attempt, cells, a, b, columns)
        return committed_sql(relation.lineage, run.cell, f"toInt64({a})", f"toInt64({b})", columns)
    if relation.name == "rates":
        return rates_sql(engine, run, a, b)
    if relation.name == "gaps":
        # With the database: a query may call itself gaps.
        return (
            f"SELECT link, cause, a, b, dead, n_lost, detail FROM {engine.database}.gaps"
            f" WHERE run_id = {run.run_id}"
        )
    hits_only = relation.name == "hits"
    return hits_sql(
        run.detector, run.run_id, a, b, wanted, hits_only=hits_only, fetched=relation.fetched
    )

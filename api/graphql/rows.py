"""Candidates and events: rows that triggers committed, by time and selection."""

from typing import Annotated, Any

import polars as pl
import strawberry
from strawberry.scalars import JSON

from api.graphql.connection import After, Connection, First, Node, checked, key_of, page
from api.graphql.context import Info
from api.graphql.run_scoped import Root
from api.graphql.scalars import Ticks, as_json
from api.span import Start, Stop, span_of
from db.catalogue.runs import Run
from db.results.pages import RowPage, count_rows_of, page_of_rows
from db.results.rows import Lineage
from db.selection import Node as Selection
from software_triggers.task.names import lineage_of, partial, selection_over

Where = Annotated[
    str,
    strawberry.argument(
        description="A selection over the rows' columns in Python's syntax,"
        ' as "chamber in (0, 2) and n_hits > 3".'
    ),
]
LineageId = Annotated[
    str | None, strawberry.argument(description="Which of its lineages; default the newest.")
]
TriggerName = Annotated[str, strawberry.argument(description="Name of the trigger.")]


@strawberry.type(description="A row that a trigger committed.")
class Candidate:
    """A moment, and what the trigger says of it."""

    t: Ticks = strawberry.field(description="When.")
    t_s: float = strawberry.field(description="When, in seconds since the run's start.")
    values: JSON = strawberry.field(
        description="All columns by name. 64-bit integers are strings; NaN and infinity are null."
    )


@strawberry.type
class RowConnection(Connection[Node]):
    """With the number of all rows, counted only when asked for."""

    asked: strawberry.Private[Any]
    lineage: str = strawberry.field(description="The lineage that these rows are of.")

    @strawberry.field(description="Rows on all pages, counted in the database.")
    async def total_count(self, info: Info) -> int:
        return await info.context.ask(count_rows_of, info.context.engine, *self.asked)

    @strawberry.field(
        description="For which part of the range the lineage was not run; empty if for none."
    )
    async def partial(self, info: Info) -> str:
        run, lineage, a, b, _ = self.asked
        return await info.context.ask(partial, info.context.engine, run, lineage, (a, b))


@strawberry.type(description="A page of candidates.")
class CandidateConnection(RowConnection[Candidate]):
    """In order of time."""


async def candidates(
    root: Root,
    info: Info,
    trigger: TriggerName,
    lineage: LineageId = None,
    start: Start = None,
    stop: Stop = None,
    where: Where = "",
    first: First = 50,
    after: After = None,
) -> CandidateConnection:
    """Read a page of rows."""
    engine, run = info.context.engine, root.run
    limit, key = checked(first) + 1, key_of(after, is_key)

    def read() -> tuple[tuple[Run, Lineage, int, int, Selection | None], RowPage]:
        found = lineage_of(engine, run, trigger, lineage, span_of(run, start, stop))
        asked = (run, found, *span_of(run, start, stop), condition(found, where))
        return asked, page_of_rows(engine, *asked, limit, key and tuple(key))

    asked, found = await info.context.ask(read)
    cut = page(_candidates(asked[1], found.rows, root.seconds), found.keys, first)
    return CandidateConnection(
        edges=cut.edges, page_info=cut.page_info, asked=asked, lineage=asked[1].lineage
    )


def condition(lineage: Lineage, where: str) -> Selection | None:
    """Return a selection over a lineage's columns; None for an empty text, which keeps all."""
    return selection_over(lineage, where) if where else None


def values_of(lineage: Lineage, rows: pl.DataFrame) -> list[dict[str, Any]]:
    """Return rows as JSON can say them."""
    integers = [name for name, kind in lineage.columns.items() if "Int64" in kind]
    kinds = {
        name: pl.List(pl.String) if isinstance(rows.schema[name], pl.List) else pl.String()
        for name in integers
        if name in rows.columns
    }
    return [
        {name: as_json(value) for name, value in row.items()}
        for row in rows.cast(kinds).iter_rows(named=True)  # type: ignore[arg-type]
    ]


def _candidates(lineage: Lineage, rows: pl.DataFrame, seconds: float) -> list[Candidate]:
    if rows.is_empty():
        return []
    return [
        Candidate(t=t, t_s=t * seconds, values=JSON(values))
        for t, values in zip(rows["t"], values_of(lineage, rows), strict=True)
    ]


def is_key(key: Any) -> bool:
    """Whether this is the key of a row."""
    return (
        isinstance(key, list)
        and len(key) == 2
        and all(isinstance(part, int) and abs(part) < 2**62 for part in key)
        and key[1] >= 0
    )

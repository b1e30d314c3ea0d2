"""Lineages of a run: over which times they were run, and how two of them differ."""

from typing import Annotated

import strawberry

from api.graphql.context import Info
from api.graphql.rows import TriggerName
from api.graphql.run_scoped import Root
from api.graphql.scalars import Int64, Ticks
from api.span import Start, Stop, span_of, span_of_hits
from db.errors import UsageError
from db.results import comparison as compared
from db.results.coverage import coverage_of
from software_triggers.task.names import lineage_of, partial

MOST_BINS = 1000
MOST_TIMES = 200


@strawberry.type(description="Windows that a lineage has committed, over time.")
class CoveredLineage:
    """A line of a timeline."""

    lineage: str
    windows: list[int] = strawberry.field(description="Windows in each bin.")


@strawberry.type(description="Which windows each lineage has committed. Bins are whole windows.")
class Coverage:
    """As ``db.results.coverage.Coverage``."""

    start: Ticks
    width: Ticks = strawberry.field(description="Length of a bin.")
    width_s: float = strawberry.field(description="Length of a bin in seconds.")
    lineages: list[CoveredLineage]


@strawberry.type(description="How two lineages differ, by the times of their rows.")
class Comparison:
    """As ``db.results.comparison.Comparison``."""

    rows_one: Int64 = strawberry.field(description="Rows of the one.")
    rows_other: Int64 = strawberry.field(description="Rows of the other.")
    same: Int64 = strawberry.field(description="Times at which both have equal rows.")
    changed: Int64 = strawberry.field(description="Times at which both have rows that differ.")
    only_one: Int64 = strawberry.field(description="Times at which only the one has rows.")
    only_other: Int64 = strawberry.field(description="Times at which only the other has rows.")
    first_changed: list[Ticks] = strawberry.field(description="The first of these times.")
    first_only_one: list[Ticks] = strawberry.field(description="The first of these times.")
    first_only_other: list[Ticks] = strawberry.field(description="The first of these times.")
    partial: str = strawberry.field(
        description="For which part of the range one of them was not run; empty if for none."
    )


async def coverage(
    root: Root,
    info: Info,
    start: Start = None,
    stop: Stop = None,
    bins: Annotated[
        int, strawberry.argument(description=f"At most so many, up to {MOST_BINS}.")
    ] = 200,
) -> Coverage:
    """Count windows of the ledger in bins."""
    if not 1 <= bins <= MOST_BINS:
        raise UsageError(f"bins: {bins}: ask for 1 to {MOST_BINS}")
    engine, run = info.context.engine, root.run

    def read() -> Coverage:
        found = coverage_of(engine, run, span_of_hits(engine, run, start, stop), bins)
        return Coverage(
            start=found.start,
            width=found.width,
            width_s=found.width * root.seconds,
            lineages=[
                CoveredLineage(lineage=lineage, windows=windows)
                for lineage, windows in sorted(found.windows.items())
            ],
        )

    return await info.context.ask(read)


async def comparison(
    root: Root,
    info: Info,
    trigger: TriggerName,
    one: Annotated[str, strawberry.argument(description="A lineage of it.")],
    other: Annotated[str, strawberry.argument(description="Another one.")],
    start: Start = None,
    stop: Stop = None,
    first: Annotated[
        int, strawberry.argument(description=f"Times to list, up to {MOST_TIMES}.")
    ] = 20,
) -> Comparison:
    """Set two lineages beside each other in the database."""
    if not 1 <= first <= MOST_TIMES:
        raise UsageError(f"first: {first}: ask for 1 to {MOST_TIMES} times")
    engine, run = info.context.engine, root.run

    def read() -> Comparison:
        span = span_of(run, start, stop)
        sides = (
            lineage_of(engine, run, trigger, one, span),
            lineage_of(engine, run, trigger, other, span),
        )
        found = compared.compare(engine, run, sides, span, first, info.context.seconds)
        lacks = dict.fromkeys(partial(engine, run, side, span) for side in sides)
        return Comparison(**vars(found), partial="; ".join(filter(None, lacks)))

    return await info.context.ask(read)

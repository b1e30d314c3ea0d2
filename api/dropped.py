"""What is said of a range whose raw words were dropped."""

import strawberry

from api.graphql.context import Info
from api.graphql.run_scoped import Root
from api.graphql.scalars import Int64, Ticks
from api.span import Start, Stop, span_of
from db.catalogue.runs import Run
from db.engine import Engine
from db.words.headers import dropped_words

HEADER = "Everyhit-Words-Dropped"
PARTIAL = "Everyhit-Partial"
"""Says for which part of the range a trigger was not run."""


@strawberry.type(description="Raw words that are not there any more.")
class Dropped:
    """As ``db.words.headers.Dropped``."""

    words: Int64 = strawberry.field(description="How many.")
    start: Ticks = strawberry.field(description="Time of the first.")
    stop: Ticks = strawberry.field(description="Behind the last.")


async def dropped(root: Root, info: Info, start: Start = None, stop: Stop = None) -> Dropped | None:
    """Ask for the heads of a range."""

    def read() -> Dropped | None:
        span = span_of(root.run, start, stop)
        lost = dropped_words(info.context.engine, root.run.run_id, *span)
        return Dropped(words=lost.words, start=lost.a, stop=lost.b) if lost else None

    return await info.context.ask(read)


def header(engine: Engine, run: Run, span: tuple[int, int]) -> dict[str, str]:
    """Return the header that bulk data of a range bear when they lack words; else none."""
    lost = dropped_words(engine, run.run_id, *span)
    return {HEADER: str(lost.words)} if lost else {}

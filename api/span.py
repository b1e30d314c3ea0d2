"""A run's range of time, as people ask for it."""

from typing import Annotated

import strawberry

from api.graphql.scalars import Moment
from db.catalogue.runs import Run
from db.engine import Engine
from db.time import parse_range
from db.words.totals import extent

Start = Annotated[
    Moment | None,
    strawberry.argument(description="Begin of the range; left out: no cut."),
]
Stop = Annotated[
    Moment | None,
    strawberry.argument(description="End of the range, excluded; left out: no cut."),
]


def span_of(run: Run, start: str | int | None, stop: str | int | None) -> tuple[int, int]:
    """Return the range [a, b) in ticks that two moments name; a side not named is not cut.

    Raises UsageError when it is empty or no range.
    """
    return parse_range(start, stop, run.detector.tick, run.started_at)


def span_of_hits(engine: Engine, run: Run, start: str | None, stop: str | None) -> tuple[int, int]:
    """Return the same for what is divided by time: a side not named ends with the run's hits."""
    a, b = span_of(run, start, stop)
    if start is None or stop is None:
        first, last = extent(engine, run)
        start, stop = start or str(first), stop or str(last)
        return span_of(run, start, stop)
    return a, b

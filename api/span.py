"""A run's range of time, as people ask for it."""

from typing import Annotated

import strawberry

from api.graphql.scalars import Moment
from db.catalogue.progress import extent
from db.catalogue.runs import Run
from db.engine import Engine
from db.errors import UsageError
from db.time import parse_moment

FAR = 2**61

Start = Annotated[
    Moment | None, strawberry.argument(description="Begin of the range; default the first hit.")
]
Stop = Annotated[
    Moment | None,
    strawberry.argument(description="End of the range, excluded; default behind the last hit."),
]


def span_of(engine: Engine, run: Run, start: str | None, stop: str | None) -> tuple[int, int]:
    """Return the range [a, b) in ticks that two moments name; what is not named is where hits are.

    Raises UsageError when it is empty or no range.
    """
    tick = run.detector.tick
    a = None if start is None else parse_moment(start, tick, run.started_at)
    b = None if stop is None else parse_moment(stop, tick, run.started_at)
    if a is None or b is None:
        first, last = extent(engine, run)
        a, b = first if a is None else a, last if b is None else b
    if not -FAR <= a < b <= FAR:
        raise UsageError(f"the range [{a}, {b}) is empty, or beyond any run: start < stop")
    return a, b

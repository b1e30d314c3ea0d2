"""Histograms of columns, in one and in two dimensions, counted in the database."""

import re
from typing import Annotated

import strawberry

from api.graphql.context import Info
from api.graphql.rows import LineageId, Where, condition
from api.graphql.run_scoped import Root
from api.span import Start, Stop, span_of
from db.errors import UsageError
from db.relations.histogram import Axis as Binned
from db.relations.histogram import histogram as count_in_bins
from db.relations.histogram import histogram2d as count_in_cells
from db.relations.relation import Relation
from software_triggers.task.names import lineage_of, partial

MOST_BINS = 2000
MOST_BINS_2D = 200
_NUMBER = re.compile(r"(Nullable\()?(U?Int|Float)\d+\)?")

Of = Annotated[str, strawberry.argument(description="hits, or a trigger's name.")]
Low = Annotated[float | None, strawberry.argument(description="Default: the smallest value.")]
High = Annotated[float | None, strawberry.argument(description="Default: the largest value.")]
Whole = Annotated[
    bool,
    strawberry.argument(
        description="Whether whole numbers without low and high get as many values in each bin,"
        " of which there may be less then."
    ),
]
Bins2d = Annotated[int, strawberry.argument(description=f"Up to {MOST_BINS_2D}.")]


@strawberry.type(description="Counts of a column's values in equal bins.")
class Histogram:
    """As ``db.relations.histogram.Histogram``."""

    low: float = strawberry.field(description="Begin of the first bin.")
    high: float = strawberry.field(description="End of the last bin, included.")
    counts: list[float] = strawberry.field(description="Whole numbers, exact up to 2**53.")
    below: float = strawberry.field(description="Values below the first bin.")
    above: float = strawberry.field(description="Values above the last bin.")
    partial: str = strawberry.field(
        description="For which part of the range the lineage was not run; empty if for none."
    )


@strawberry.type(description="Equal bins from low to high; the last one includes high.")
class Axis:
    """As ``db.relations.histogram.Axis``."""

    low: float = strawberry.field(description="Begin of the first bin.")
    high: float = strawberry.field(description="End of the last bin, included.")
    bins: int


@strawberry.type(description="Counts of two columns' values in equal cells.")
class Histogram2d:
    """As ``db.relations.histogram.Histogram2d``."""

    x: Axis
    y: Axis
    counts: list[float] = strawberry.field(
        description="Row by row from the lowest y, each in order of x: whole numbers."
    )
    outside: float = strawberry.field(description="Pairs of values beyond the axes.")
    partial: str = strawberry.field(
        description="For which part of the range the lineage was not run; empty if for none."
    )


async def histogram(
    root: Root,
    info: Info,
    column: Annotated[str, strawberry.argument(description="What is counted.")],
    of: Of = "hits",
    lineage: LineageId = None,
    start: Start = None,
    stop: Stop = None,
    where: Where = "",
    bins: Annotated[int, strawberry.argument(description=f"Up to {MOST_BINS}.")] = 100,
    low: Low = None,
    high: High = None,
    whole: Whole = False,
) -> Histogram:
    """Count a column's values in the database."""
    _check_bins("bins", bins, MOST_BINS)

    def count() -> Histogram:
        rows, lacks = _rows(root, info, of, lineage, start, stop, where, (column,))
        seconds = info.context.seconds
        counted = count_in_bins(
            info.context.engine, rows, column, bins, low, high, seconds, whole=whole
        )
        return Histogram(
            low=counted.low,
            high=counted.high,
            counts=[float(n) for n in counted.counts],
            below=counted.below,
            above=counted.above,
            partial=lacks,
        )

    return await info.context.ask(count)


async def histogram2d(
    root: Root,
    info: Info,
    x: Annotated[str, strawberry.argument(description="Column along x.")],
    y: Annotated[str, strawberry.argument(description="Column along y.")],
    of: Of = "hits",
    lineage: LineageId = None,
    start: Start = None,
    stop: Stop = None,
    where: Where = "",
    x_bins: Bins2d = 60,
    y_bins: Bins2d = 40,
    x_low: Low = None,
    x_high: High = None,
    y_low: Low = None,
    y_high: High = None,
) -> Histogram2d:
    """Count pairs of two columns' values in the database."""
    _check_bins("xBins", x_bins, MOST_BINS_2D)
    _check_bins("yBins", y_bins, MOST_BINS_2D)

    def count() -> Histogram2d:
        rows, lacks = _rows(root, info, of, lineage, start, stop, where, (x, y))
        counted = count_in_cells(
            info.context.engine,
            rows,
            (x, y),
            (Binned(x_low, x_high, x_bins), Binned(y_low, y_high, y_bins)),
            info.context.seconds,
        )
        return Histogram2d(
            x=_axis(counted.x),
            y=_axis(counted.y),
            counts=counted.counts.ravel().tolist(),
            outside=counted.outside,
            partial=lacks,
        )

    return await info.context.ask(count)


def _rows(
    root: Root,
    info: Info,
    of: str,
    lineage: str | None,
    start: str | None,
    stop: str | None,
    where: str,
    columns: tuple[str, ...],
) -> tuple[Relation, str]:
    """Return the rows that are counted, and for which part of the range there are none."""
    engine, run = info.context.engine, root.run
    a, b = span_of(run, start, stop)
    if of == "hits":
        _check(columns, {"t", "link", *run.detector.column_names}, of)
        kept = run.detector.selection(where) if where else None
        return Relation(of, run, a, b, where=kept), ""
    found = lineage_of(engine, run, of, lineage, (a, b))
    numbers = {n for n, kind in found.columns.items() if _NUMBER.fullmatch(kind)}
    _check(columns, numbers, of)
    lacks = partial(engine, run, found, (a, b))
    return Relation(of, run, a, b, found, where=condition(found, where)), lacks


def _check(columns: tuple[str, ...], known: set[str], of: str) -> None:
    for column in columns:
        if column not in known:
            raise UsageError(
                f"{of} have no column {column[:40]!r} of numbers;"
                f" they have: {', '.join(sorted(known))}"
            )


def _check_bins(name: str, n: int, most: int) -> None:
    if not 1 <= n <= most:
        raise UsageError(f"{name}: {n}: ask for 1 to {most}")


def _axis(binned: Binned) -> Axis:
    return Axis(low=binned.low or 0.0, high=binned.high or 0.0, bins=binned.n)

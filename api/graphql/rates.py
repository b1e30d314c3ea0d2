"""Rates over time and occupancies, from the counts that were taken at insert."""

from enum import Enum
from typing import Annotated

import numpy as np
import polars as pl
import strawberry

from api.graphql.context import Info
from api.graphql.run_scoped import Root
from api.graphql.scalars import Int64, Ticks
from api.span import Start, Stop, span_of_hits
from db.errors import UsageError
from db.words.rates import Bins, By, count_channels, count_rates, rate_bins

MOST_BINS = 5000
MOST_VALUES = 1_000_000


@strawberry.enum(description="What rates are told apart by.")
class RateBy(Enum):
    """Columns of the rollup."""

    LINK = "link"
    CHANNEL = "channel"


@strawberry.type(description="Counts of one link, of one channel, or of all words, bin by bin.")
class RateSeries:
    """One line of a plot."""

    link: int | None = strawberry.field(description="Null where links are not told apart.")
    channel: Int64 | None = strawberry.field(
        description="What the declaration calls a channel; null where they are not told apart."
    )
    hits: list[float] = strawberry.field(
        description="Sound hits in each bin: whole numbers, exact up to 2**53."
    )
    others: list[float] = strawberry.field(description="Corrupt and other words in each bin.")


@strawberry.type(description="Words over time. Bins are whole time slices of the detector.")
class Rates:
    """A plot's worth of rates."""

    start: Ticks = strawberry.field(description="Begin of the first bin.")
    width: Ticks = strawberry.field(description="Length of a bin.")
    width_s: float = strawberry.field(
        description="Length of a bin in seconds: hits divided by it is the rate in Hz."
    )
    bins: int = strawberry.field(description="Number of bins.")
    series: list[RateSeries] = strawberry.field(description="In order of link and channel.")


@strawberry.type(description="Words of a channel over a range.")
class ChannelCount:
    """An entry of an occupancy."""

    link: int
    channel: Int64 = strawberry.field(description="What the declaration calls a channel.")
    hits: Int64 = strawberry.field(description="Sound hits.")
    others: Int64 = strawberry.field(description="Corrupt and other words.")


async def rates(
    root: Root,
    info: Info,
    start: Start = None,
    stop: Stop = None,
    bins: Annotated[
        int, strawberry.argument(description=f"At most so many bins, up to {MOST_BINS}.")
    ] = 200,
    by: Annotated[
        list[RateBy] | None, strawberry.argument(description="Default: all words together.")
    ] = None,
) -> Rates:
    """Count in the database, for bins of at most the resolution asked for."""
    if not 1 <= bins <= MOST_BINS:
        raise UsageError(f"bins: {bins}: ask for 1 to {MOST_BINS}")
    keys: tuple[By, ...] = tuple(key.value for key in RateBy if key in (by or ()))

    def count() -> tuple[Bins, pl.DataFrame]:
        a, b = span_of_hits(info.context.engine, root.run, start, stop)
        cut = rate_bins(root.run, a, b, bins)
        return cut, count_rates(info.context.engine, root.run, cut, keys)

    cut, counted = await info.context.ask(count)
    lines = counted.partition_by(*keys, maintain_order=True) if keys else [counted]
    if len(lines) * cut.n > MOST_VALUES:
        raise UsageError(
            f"{len(lines)} series of {cut.n} bins are too many: ask for fewer bins, or occupancy"
        )
    return Rates(
        start=cut.start,
        width=cut.width,
        width_s=cut.width * root.seconds,
        bins=cut.n,
        series=[_series(line, cut.n, keys) for line in lines],
    )


async def occupancy(
    root: Root, info: Info, start: Start = None, stop: Stop = None
) -> list[ChannelCount]:
    """Count the words of each channel."""

    def count() -> pl.DataFrame:
        a, b = span_of_hits(info.context.engine, root.run, start, stop)
        cut = rate_bins(root.run, a, b, 1)
        return count_channels(info.context.engine, root.run, cut.start, cut.start + cut.width)

    rows = await info.context.ask(count)
    return [ChannelCount(**row) for row in rows.iter_rows(named=True)]


def _series(line: pl.DataFrame, n: int, keys: tuple[By, ...]) -> RateSeries:
    hits, others = np.zeros(n), np.zeros(n)
    hits[line["bin"].to_numpy()], others[line["bin"].to_numpy()] = line["hits"], line["others"]
    return RateSeries(
        link=line["link"][0] if "link" in keys else None,
        channel=line["channel"][0] if "channel" in keys else None,
        hits=hits.tolist(),
        others=others.tolist(),
    )

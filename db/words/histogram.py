"""Counts in bins, made in the database: what a plot needs, whatever lies behind it."""

from dataclasses import dataclass
from typing import Literal

import polars as pl

from db.catalogue.runs import Run
from db.engine import Engine
from db.user_sql.limits import limited
from db.words.rates import rates_sql

By = Literal["link", "channel"]


@dataclass(frozen=True)
class Bins:
    """Bins [start + k * width, start + (k + 1) * width) ticks, k = 0 … n - 1."""

    start: int
    width: int
    n: int


def rate_bins(run: Run, a: int, b: int, n: int) -> Bins:
    """Return about ``n`` bins, at most ``n``, that cover [a, b): whole slices, since rates are
    counted by slice."""
    slice_ticks = run.detector.slice
    first, stop = a // slice_ticks, -(-b // slice_ticks)
    width = -(-(stop - first) // n)
    return Bins(first * slice_ticks, width * slice_ticks, -(-(stop - first) // width))


def count_rates(engine: Engine, run: Run, bins: Bins, by: tuple[By, ...] = ()) -> pl.DataFrame:
    """Return the words in each bin, of each link or channel: ``by``, bin, hits, others.

    ``hits`` are sound hits, ``others`` corrupt and other words. Bins without words are left out.
    """
    stop = bins.start + bins.width * bins.n
    keys = ", ".join((*by, "bin"))
    table = engine.fetch(
        f"SELECT {keys}, sumIf(n_hits, hit) AS hits, sumIf(n_hits, NOT hit) AS others FROM"
        f" (SELECT *, intDiv(t - {bins.start}, {bins.width}) AS bin"
        f" FROM ({rates_sql(engine, run, bins.start, stop)}))"
        f" GROUP BY {keys} ORDER BY {keys}"
    )
    return pl.DataFrame(pl.from_arrow(table))


def count_channels(engine: Engine, run: Run, a: int, b: int) -> pl.DataFrame:
    """Return the words of each channel in the slices that begin in [a, b): link, channel, hits,
    others."""
    table = engine.fetch(
        "SELECT link, channel, sumIf(n_hits, hit) AS hits, sumIf(n_hits, NOT hit) AS others"
        f" FROM ({rates_sql(engine, run, a, b)}) GROUP BY link, channel ORDER BY link, channel"
    )
    return pl.DataFrame(pl.from_arrow(table))


@dataclass(frozen=True)
class Histogram:
    """Counts of a column's values in equal bins over [low, high]; the last bin includes high."""

    low: float
    high: float
    counts: list[int]
    below: int
    above: int


def histogram(
    engine: Engine,
    select: str,
    column: str,
    n: int,
    low: float | None,
    high: float | None,
    seconds: float,
) -> Histogram:
    """Return the histogram of a column of what ``select`` gives.

    Without ``low`` or ``high`` the smallest and the largest value are the limits. Values that are
    not finite are left out. ``select`` and ``column`` are our own SQL.
    """
    value = f"toFloat64(`{column}`)"
    finite = f"SELECT {value} AS x FROM ({select}) WHERE isFinite({value})"
    if low is None or high is None:
        ends = engine.fetch(
            limited(f"SELECT min(x) AS low, max(x) AS high, count() AS n FROM ({finite})", seconds)
        ).to_pylist()[0]
        if not ends["n"]:
            return Histogram(low or 0.0, high or 1.0, [0] * n, 0, 0)
        low, high = ends["low"] if low is None else low, ends["high"] if high is None else high
    if not low < high:
        high = low + 1.0
    table = engine.fetch(
        limited(
            "SELECT toInt64(multiIf(x < {low:Float64}, -1.0,"
            " x > {high:Float64}, toFloat64({n:Int64}), least(toFloat64({n:Int64} - 1),"
            " floor((x - {low:Float64}) * {n:Int64} / ({high:Float64} - {low:Float64}))))) AS bin,"
            f" count() AS counted FROM ({finite}) GROUP BY bin ORDER BY bin",
            seconds,
        ),
        {"low": low, "high": high, "n": n},
    )
    found = dict(zip(table["bin"].to_pylist(), table["counted"].to_pylist(), strict=True))
    counts = [found.get(k, 0) for k in range(n)]
    return Histogram(low, high, counts, found.get(-1, 0), found.get(n, 0))

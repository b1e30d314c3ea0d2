"""Hits a second against time."""

from dataclasses import replace

import numpy as np
import polars as pl
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from db.catalogue.runs import Run
from db.detector.elements import elements
from db.engine import Engine
from db.errors import UsageError
from db.relations.histogram import count_over_time
from db.relations.relation import Relation
from db.words.headers import last_time
from db.words.rates import Bins, count_rates
from ops.plot import GREY, styled, title, utc

MOST_BINS = 400
MOST_CHOSEN = 10_000
"""Bins that somebody may choose."""
MOST_LINES = 10
_UNITS = ((3 * 86400, 86400, "days"), (3 * 3600, 3600, "h"), (600, 60, "min"), (0, 1, "s"))
"""From how many seconds on, a unit of time in seconds, and its name."""


def count(engine: Engine, run: Run, a: int, b: int, by: str) -> pl.DataFrame:
    """Return the counts in each of some hundred bins of time from a to b, out of the rollup.

    Columns: t and t_end (ticks, half-open), the one called ``by``, hit, n; a row for each bin, also
    where there were none. ``by`` is link, or a column of the detector's elements; ``hit`` tells
    hits from other words. Of these, and of hits that lie on no element, the element is null. A bin
    is a slice of the detector or several. The last one ends where the run's hits do, or is left out
    if less than half of it is there. Raises UsageError where there are no words.
    """
    slice_ = run.detector.slice
    a = a // slice_ * slice_
    length = slice_ * max(1, -(-(b - a) // slice_ // MOST_BINS))
    last = last_time(engine, run.run_id) + 1
    n_bins = max(1, round((min(-(-b // slice_) * slice_, last) - a) / length))
    counted = count_rates(engine, run, Bins(a, length, n_bins), ("link", "channel"))
    known = counted.unpivot(
        ["hits", "others"], index=["bin", "link", "channel"], variable_name="hit", value_name="n"
    ).with_columns(pl.col("hit") == "hits")
    known = known.filter(pl.col("n") > 0)
    if known.is_empty():
        raise UsageError(f"run {run.run_id} has no words in this range: ask for another one")
    if by != "link":
        place = elements(run.detector).select(pl.col("channel").cast(pl.UInt64), by)
        known = known.cast({"channel": pl.UInt64}).join(
            place.unique("channel"), on="channel", how="left"
        )
        known = known.with_columns(pl.when("hit").then(by))
    counted = known.group_by("bin", by, "hit").agg(pl.col("n").sum())
    return _every_bin(counted, by, Bins(a, length, n_bins), last)


def count_rows(
    engine: Engine, rows: Relation, a: int, b: int, by: str | None, length: int | None
) -> pl.DataFrame:
    """Return how many rows lie in each bin of time from a to b, as ``count`` does.

    ``by`` is any column of theirs; without, all are counted together. ``length`` is that of a bin
    in ticks; without, there are some hundred bins. The last one may end earlier: its ``t_end`` is
    that of the range, so that a rate is right at the border, too.
    Raises UsageError where there are no rows, or too many bins.
    """
    length = length or max(1, -(-(b - a) // MOST_BINS))
    n_bins = -(-(b - a) // length)
    if n_bins > MOST_CHOSEN:
        raise UsageError(f"{n_bins:,} bins are more than {MOST_CHOSEN:,}: choose a longer --bin")
    counted = count_over_time(engine, replace(rows, a=a, b=b), by, a, length)
    if counted.is_empty():
        raise UsageError(f"{rows.name} has no rows in this range: ask for another one")
    if by is None:
        by = "all"
        counted = counted.with_columns(pl.lit(rows.name).alias(by))
    counted = counted.select("bin", by, pl.lit(value=True).alias("hit"), "n")
    return _every_bin(counted, by, Bins(a, length, n_bins), b)


def _every_bin(counted: pl.DataFrame, by: str, bins: Bins, last: int) -> pl.DataFrame:
    """Return counts with those of bins in which there were none."""
    every = pl.DataFrame({"bin": range(bins.n)}, schema={"bin": pl.Int64})
    counted = counted.cast({"bin": pl.Int64})
    full = every.join(counted.select(by, "hit").unique(), how="cross").join(
        counted, on=("bin", by, "hit"), how="left", nulls_equal=True
    )
    begin = bins.start + pl.col("bin") * bins.width
    return full.select(
        begin.alias("t"),
        pl.min_horizontal(begin + bins.width, last).alias("t_end"),
        by,
        "hit",
        pl.col("n").fill_null(0),
    ).sort(pl.col("hit").not_(), by, "t", nulls_last=True)


def draw(run: Run, counted: pl.DataFrame, gaps: pl.DataFrame, of: str = "hits") -> Figure:
    """Return the picture of hits a second against time, other words as lines of their own.

    ``counted`` is what ``count`` returned, or ``count_rows`` for rows of something else than hits;
    dead ones of ``gaps`` are shaded.
    """
    by = counted.columns[2]
    edges = np.array([*counted["t"].unique().sort(), counted["t_end"].max()])
    second = 1e9 / float(run.detector.tick)
    span_s = (edges[-1] - edges[0]) / second
    unit_s, unit = next((s, name) for least, s, name in _UNITS if span_s >= least)
    hits, others = counted.filter("hit"), counted.filter(pl.col("hit").not_())
    groups = hits.partition_by(by, maintain_order=True)
    labels = [f"no {by}" if group[by][0] is None else f"{by} {group[by][0]}" for group in groups]
    if len(groups) > MOST_LINES:
        groups = [hits.group_by("t", maintain_order=True).agg(pl.col("n").sum())]
        labels = [f"all {len(labels)} {by}s"]
    if len(others):
        groups.append(others.group_by("t", maintain_order=True).agg(pl.col("n").sum()))
        labels.append("other words")
    with styled():
        figure = Figure(figsize=(10, 5))
        axes = figure.add_subplot()
        time = edges / second / unit_s
        for group, label in zip(groups, labels, strict=True):
            rate = group.sort("t")["n"].to_numpy() / np.diff(edges) * second
            axes.stairs(rate, time, label=label, baseline=None)
        label = "dead time"
        for a, b in gaps.filter("dead").select("a", "b").iter_rows():
            ends = np.clip([a, b], edges[0], edges[-1]) / second / unit_s
            if ends[0] < ends[1]:
                axes.axvspan(*ends, color=GREY, alpha=0.3, linewidth=0, label=label)
                label = ""
        axes.set(xlim=time[[0, -1]], ylim=(0, 1.05 * axes.get_ylim()[1]))
        axes.set(
            xlabel=f"time since the run's start ({unit})",
            ylabel=("hits / s" if of == "hits" else "rows / s")
            + ", other words / s" * bool(len(others)),
        )
        axes.yaxis.set_major_formatter(EngFormatter(sep=" "))
        axes.tick_params(axis="x", which="both", top=False)
        clock = axes.twiny()
        clock.set_xlim(*(utc(run, int(t)) for t in edges[[0, -1]]))  # type: ignore[arg-type]
        clock.set_xlabel(f"UTC, from {utc(run, int(edges[0])):%Y-%m-%d}")
        clock.tick_params(axis="x", which="both", bottom=False)
        axes.set_title(title(run), loc="left")
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure

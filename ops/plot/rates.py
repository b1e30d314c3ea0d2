import polars as pl
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from db.engine import Engine
from db.rates import rates_sql
from db.runs import Run
from ops.plot import GREY, styled, title, utc
from ops.plot.elements import elements

MOST_BINS = 400
MOST_LINES = 10
_UNITS = ((3 * 86400, 86400, "days"), (3 * 3600, 3600, "h"), (600, 60, "min"), (0, 1, "s"))
"""From how many seconds on, a unit of time in seconds, and its name."""


def count(engine: Engine, run: Run, a: int, b: int, by: str) -> tuple[pl.DataFrame, int]:
    """Return the words in bins of time that lie in [a, b), from the rollup, and a bin's length.

    Columns: t (ticks, where the bin begins), the one called ``by``, n_words; a row for each bin,
    also of none. ``by`` is link, or a column of the detector's elements: what lies nowhere is
    null. A bin is one slice of the detector or several; what is only partly in [a, b) is left out,
    but for a single one.
    """
    ticks = run.detector.slice
    a = a // ticks * ticks
    length = ticks * -(-max(1, (b - a) // ticks) // MOST_BINS)
    n_bins = max(1, (b - a) // length)
    known = pl.DataFrame(
        pl.from_arrow(
            engine.fetch(
                f"SELECT {a} + intDiv(t - {a}, {length}) * {length} AS t, link, channel,"
                f" sum(n_hits) AS n_words FROM ({rates_sql(engine, run, a, a + n_bins * length)})"
                " GROUP BY t, link, channel"
            )
        )
    )
    if by != "link":
        place = elements(run.detector).select("channel", by).unique("channel")
        known = known.join(place.cast({"channel": pl.UInt64}), on="channel", how="left")
    counted = known.group_by("t", by).agg(pl.col("n_words").sum())
    bins = pl.DataFrame({"t": range(a, a + n_bins * length, length)}, schema={"t": pl.Int64})
    full = bins.join(counted.select(by).unique(), how="cross")
    filled = full.join(counted, on=("t", by), how="left", nulls_equal=True)
    return filled.with_columns(pl.col("n_words").fill_null(0)).sort(
        by, "t", nulls_last=True
    ), length


def draw(run: Run, counted: pl.DataFrame, length: int, gaps: pl.DataFrame) -> Figure:
    """Return the picture of words a second against time.

    ``counted`` and ``length`` are what ``count`` returned; dead ones of ``gaps`` are shaded.
    """
    by = counted.columns[1]
    second = 1e9 / float(run.detector.tick)
    first, last = int(counted["t"].min()), int(counted["t"].max()) + length  # type: ignore[arg-type]
    unit_s, unit = next((s, name) for least, s, name in _UNITS if last - first >= least * second)
    with styled():
        figure = Figure(figsize=(10, 5))
        axes = figure.add_subplot()
        groups = counted.partition_by(by, maintain_order=True)
        if len(groups) > MOST_LINES:
            groups = [counted.group_by("t", maintain_order=True).agg(pl.col("n_words").sum())]
            label = [f"all {counted[by].n_unique()} {by}s"]
        else:
            label = ["no " + by if g[by][0] is None else f"{by} {g[by][0]}" for g in groups]
        for group, name in zip(groups, label, strict=True):
            edges = [*group["t"], last]
            rate = group["n_words"].to_numpy() * second / length
            axes.stairs(rate, [t / second / unit_s for t in edges], label=name, baseline=None)
        shade = "dead time"
        for gap in gaps.filter("dead", pl.col("a") < last, pl.col("b") > first).iter_rows(
            named=True
        ):
            ends = (max(gap["a"], first), min(gap["b"], last))
            axes.axvspan(*(t / second / unit_s for t in ends), color=GREY, alpha=0.3, label=shade)
            shade = ""
        axes.set_xlim(first / second / unit_s, last / second / unit_s)
        axes.set_ylim(0, axes.get_ylim()[1] * 1.05)
        axes.yaxis.set_major_formatter(EngFormatter(sep=" "))
        axes.set_xlabel(f"time since the run's start ({unit})")
        axes.set_ylabel("words / s")
        clock = axes.twiny()
        clock.set_xlim(utc(run, first), utc(run, last))  # type: ignore[arg-type]
        clock.set_xlabel(f"UTC ({utc(run, first):%Y-%m-%d})")
        axes.tick_params(axis="x", which="both", top=False)
        clock.tick_params(axis="x", which="both", bottom=False)
        axes.set_title(title(run), loc="left")
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure

"""Drift times of a run, as histograms."""

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from db.catalogue.runs import Run
from db.engine import Engine
from db.errors import UsageError
from db.relations.drift_times import count_drift_times
from db.relations.relation import Relation
from ops.plot import styled, title

BIN_NS = 5.0
"""About: bins are whole ticks, so that each holds as many of the clock's readings."""


def bin_ns(run: Run) -> float:
    """Return how long the bins of a run's drift times are."""
    tick_ns = float(run.detector.tick)
    return max(1, round(BIN_NS / tick_ns)) * tick_ns


def count(engine: Engine, segments: Relation) -> pl.DataFrame:
    """Return how many hits of segments have which drift time, in bins of ``bin_ns``.

    Columns: chamber, n_hits (of the segment), bin (times ``bin_ns`` is where it begins) and n.
    """
    run = segments.run
    return count_drift_times(engine, segments, float(run.detector.tick), bin_ns(run))


def draw(run: Run, counted: pl.DataFrame) -> Figure:
    """Return histograms of drift times: all, and those of each chamber.

    ``counted`` is what ``count`` returned; UsageError if there is nothing in it. Segments of four
    hits are told from those of three, whose t0 is a solution of their own times alone.
    """
    if counted.is_empty():
        raise UsageError(f"run {run.run_id} has no segments in this range: ask for a longer one")
    chambers = counted["chamber"].unique().sort().to_list()
    with styled():
        figure = Figure(figsize=(11, 6))
        grid = figure.add_gridspec(len(chambers), 2, width_ratios=(2, 1))
        whole = figure.add_subplot(grid[:, 0])
        _stack(whole, run, counted)
        whole.set_title(title(run), loc="left")
        whole.set_ylabel(f"hits / {bin_ns(run):.3g} ns")
        whole.legend(loc="upper center", ncols=3, columnspacing=1.2)
        for row, chamber in enumerate(chambers):
            axes = figure.add_subplot(grid[row, 1], sharex=whole)
            _stack(axes, run, counted.filter(chamber=chamber))
            axes.text(0.03, 0.93, f"chamber {chamber}", transform=axes.transAxes, va="top")
            axes.tick_params(labelbottom=row == len(chambers) - 1)
        for axes in (whole, figure.axes[-1]):
            axes.set_xlabel("drift time $t - t_0$ (ns)")
    return figure


def _stack(axes: Axes, run: Run, counted: pl.DataFrame) -> None:
    t_max = run.detector.constants.get("t_max_ns")
    width = bin_ns(run)
    first, last = int(counted["bin"].min()), int(counted["bin"].max())  # type: ignore[arg-type]
    edges = np.arange(first, last + 2) * width
    below = np.zeros(len(edges) - 1)
    for n_hits, label in ((4, "segments of 4 hits"), (3, "of 3 hits")):
        part = counted.filter(n_hits=n_hits).group_by("bin").agg(pl.col("n").sum())
        n = below.copy()
        n[part["bin"].to_numpy() - first] += part["n"].to_numpy()
        axes.stairs(
            n, edges, baseline=below, fill=True, label=label, alpha=1 if n_hits == 4 else 0.6
        )
        below = n
    if t_max is not None:
        label = f"$T_{{max}}$ = {t_max:g} ns"
        axes.axvline(t_max, ymax=0.8, color="black", linestyle=":", linewidth=1, label=label)
    axes.set_xlim(-0.08 * (t_max or edges[-1]), 1.15 * (t_max or edges[-1]))
    axes.set_ylim(0, 1.4 * below.max())
    axes.yaxis.set_major_formatter(EngFormatter(sep=" "))

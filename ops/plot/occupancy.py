"""Hits of each element, as a map."""

from collections.abc import Sequence
from math import ceil, sqrt

import numpy as np
import polars as pl
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from db.catalogue.runs import Run
from db.detector.elements import elements
from db.engine import Engine
from db.errors import UsageError
from db.relations.histogram import count_by
from db.relations.relation import Relation
from db.words.rates import count_channels
from ops.plot import styled, title

DENSE = 10_000
"""Numbers that spread further than that are drawn one beside the other, in order."""
COLOURS = "viridis"
MARKED = 1000
"""In larger maps a mark at each element without hits would cover those that have some."""
HOT = 3
"""The colours end at so many times the median: one hot channel doesn't leave the rest dark."""


def count(engine: Engine, hits: Relation) -> pl.DataFrame:
    """Return how many of the hits each element has: columns are its names, and n_hits.

    Elements that the declaration knows are there with no hits, too; hits that lie nowhere are not.
    Without a shape an element is a channel, and what is counted are whole slices of the rollup.

    Raises UsageError where there are no hits.
    """
    run, a, b = hits.run, hits.a, hits.b
    shape, slice_ = run.detector.shape, run.detector.slice
    named: Sequence[str] = shape.element if shape else ("channel",)
    if shape:
        found = count_by(engine, hits, named).rename({"n": "n_hits"})
    else:
        channels = count_channels(engine, run, a // slice_ * slice_, b)
        found = channels.group_by("channel").agg(n_hits=pl.col("hits").sum())
        found = found.filter(pl.col("n_hits") > 0).sort("channel")
    if found.is_empty():
        raise UsageError(f"run {run.run_id} has no hits in this range: ask for another one")
    every = elements(run.detector)
    if every.is_empty():
        return found
    known = every.select(named).unique().cast(found.select(named).schema)
    return known.join(found, on=named, how="left").fill_null(0).sort(named)


def draw(run: Run, counted: pl.DataFrame, *, log: bool = False) -> Figure:
    """Return the map of hits: the last two names of an element are the axes, one before it panels.

    ``counted`` is what ``count`` returned. What is named by one number only gives a histogram, with
    statistical errors. With ``log`` counts, or their colours, are on a logarithmic scale.
    """
    *names, _ = counted.columns
    pixels = run.detector.shape is not None and run.detector.shape.kind == "pixel"
    with styled():
        if len(names) == 1:
            return _histogram(run, counted, log=log)
        if pixels:  # of a camera's picture the first name is across
            names[-2:] = names[:-3:-1]
        parts = counted.partition_by(names[:-2], maintain_order=True) if names[:-2] else [counted]
        n_across = ceil(sqrt(len(parts)))
        n_down = -(-len(parts) // n_across)
        height = 5.5 if pixels else 2.4
        figure = Figure(figsize=(1.5 + 5.5 * n_across, 1.2 + height * n_down))
        shown = counted.filter(pl.col("n_hits") > 0)["n_hits"].to_numpy()
        most, median = np.max(shown, initial=1), np.median(shown) if len(shown) else 1
        top = min(most, HOT * median)
        colours = LogNorm(0.5, most) if log else Normalize(0, top)
        grid = figure.subplots(n_down, n_across, squeeze=False, sharex=True, sharey=True)
        for axes, part in zip(grid.flat, parts, strict=False):
            _map(axes, part.select([*names[-2:], "n_hits"]), colours)
            place = " ".join(f"{name} {part[name][0]}" for name in names[:-2])
            axes.label_outer()
            if pixels:
                axes.set_aspect("equal")
            axes.set_title(f"{place}  ·  {part['n_hits'].sum():,} hits".lstrip(" ·"), loc="left")
        for axes in grid.flat[len(parts) :]:
            axes.remove()
        bar = ScalarMappable(colours, COLOURS)
        extend = "max" if most > top and not log else "neither"
        figure.colorbar(bar, ax=list(grid.flat[: len(parts)]), label="hits", extend=extend)
        figure.suptitle(title(run), x=0.01, ha="left")
    return figure


def _map(axes: Axes, part: pl.DataFrame, colours: Normalize) -> None:
    (rows, y_label), (across, x_label) = (_places(part[name]) for name in part.columns[:2])
    n_hits = np.full((rows.max() - rows.min() + 1, across.max() - across.min() + 1), np.nan)
    n_hits[rows - rows.min(), across - across.min()] = part["n_hits"]
    x, y = (np.arange(p.min(), p.max() + 2) - 0.5 for p in (across, rows))
    axes.pcolormesh(x, y, n_hits, cmap=COLOURS, norm=colours)
    dead = part["n_hits"].to_numpy() == 0
    if isinstance(colours, LogNorm):  # what has no hits has no logarithm
        axes.set_facecolor(colormaps[COLOURS](0.0))
    if np.count_nonzero(dead) <= MARKED:
        axes.plot(across[dead], rows[dead], "x", color="white", markersize=6)
    axes.set(xlabel=x_label, ylabel=y_label)
    axes.minorticks_off()
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True))
    axes.tick_params(top=False, right=False, direction="out")


def _histogram(run: Run, counted: pl.DataFrame, *, log: bool) -> Figure:
    figure = Figure(figsize=(10, 5))
    axes = figure.add_subplot()
    places, label = _places(counted["channel"])
    n_hits = np.zeros(places.max() - places.min() + 1)
    n_hits[places - places.min()] = counted["n_hits"]
    edges = np.arange(places.min(), places.max() + 2) - 0.5
    axes.stairs(n_hits, edges, fill=True, facecolor=("C0", 0.25), edgecolor="C0")
    middle = edges[:-1] + 0.5
    axes.errorbar(middle, n_hits, np.sqrt(n_hits), fmt="none", ecolor="C0", elinewidth=0.8)
    if log:
        axes.set_yscale("log", nonpositive="clip")
    bottom, top = (0.5, 2 * n_hits.max()) if log else (0, None)
    axes.set(xlim=edges[[0, -1]], ylim=(bottom, top), xlabel=label, ylabel="hits")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.xaxis.minorticks_off()
    axes.yaxis.set_major_formatter(EngFormatter(sep=" "))
    axes.set_title(title(run), loc="left")
    return figure


def _places(values: pl.Series) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], str]:
    """Return where numbers are drawn on an axis, and the axis's label."""
    numbers, rank = np.unique(values.to_numpy(), return_inverse=True)
    if numbers[-1] - numbers[0] < DENSE:
        return values.to_numpy().astype(np.int64), values.name
    return rank, f"{values.name} (of {len(numbers)}, in order of number)"

"""Counts of pairs of values, as a map."""

import numpy as np
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure

from db.catalogue.runs import Run
from db.relations.histogram import Histogram2d
from ops.plot import styled, title


def draw(run: Run, counted: Histogram2d, x: str, y: str, said: str, *, log: bool) -> Figure:
    """Return a map of counts in cells; those without counts stay white."""
    edges = [
        np.linspace(axis.low or 0.0, axis.high or 0.0, axis.n + 1)
        for axis in (counted.x, counted.y)
    ]
    shown = np.ma.masked_equal(counted.counts, 0)
    most = max(float(counted.counts.max(initial=1)), 1.0)
    with styled():
        figure = Figure(figsize=(8, 6))
        axes = figure.subplots()
        colours = LogNorm(0.9, max(most, 1.1)) if log else Normalize(0, most)
        cells = axes.pcolormesh(*edges, shown, norm=colours, rasterized=True)
        figure.colorbar(cells, ax=axes, label="pairs per cell")
        axes.set_xlabel(x.replace("$", r"\$"))
        axes.set_ylabel(y.replace("$", r"\$"))
        outside = f", {counted.outside:,} outside" if counted.outside else ""
        n = f"{int(counted.counts.sum()):,} pairs{outside}"
        axes.set_title(f"{title(run)}\n{said.replace('$', chr(92) + '$')}: {n}", loc="left")
    return figure

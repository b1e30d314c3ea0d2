"""Counts in bins, as a picture with errors and a fit."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from db.catalogue.runs import Run
from db.errors import UsageError
from db.relations.histogram import Histogram
from ops.plot import styled, title

if TYPE_CHECKING:
    from ops.plot.fit import Fit


def draw(
    run: Run,
    counted: Histogram,
    value: str,
    said: str,
    *,
    log: bool = False,
    log_x: bool = False,
    fit: "Fit | None" = None,
) -> Figure:
    """Return a picture of counts in equal bins, with their statistical errors, and a fit of them.

    Raises UsageError where values that are not positive should lie on a logarithmic axis.
    """
    counts = np.array(counted.counts)
    edges = np.linspace(counted.low, counted.high, len(counts) + 1)
    with styled():
        figure = Figure(figsize=(8, 5))
        axes = figure.subplots()
        axes.stairs(counts, edges, fill=True, alpha=0.25, color="C0")
        axes.stairs(counts, edges, color="C0")
        middle = (edges[:-1] + edges[1:]) / 2
        axes.errorbar(middle, counts, np.sqrt(counts), fmt="none", ecolor="C0", elinewidth=0.8)
        if fit is not None:
            axes.stairs(
                fit.expected, fit.edges, baseline=None, color="C1", label="\n".join(fit.lines)
            )
            axes.legend(loc="best")
        least = float(edges[0])
        if log_x and least <= 0:
            least = min(float(edges[edges > 0][0]), 0.5) if (edges > 0).any() else 0
            if least == 0:
                raise UsageError("--log-x: all values are below 0; they have no logarithm")
        axes.set_xlim(least, edges[-1])
        if log_x:
            axes.set_xscale("log")
        if log:
            axes.set_yscale("log", nonpositive="clip")
            axes.set_ylim(bottom=0.5)
        else:
            axes.set_ylim(0, None if counts.any() else 1)
        axes.set_xlabel(value.replace("$", r"\$"))
        axes.set_ylabel(f"values per {counted.width:.4g}")
        outside = [
            f"{n:,} {where}"
            for n, where in ((counted.below, "below"), (counted.above, "above"))
            if n
        ]
        n = ", ".join([f"{counts.sum():,} values", *outside])
        axes.set_title(f"{title(run)}\n{said.replace('$', chr(92) + '$')}: {n}", loc="left")
    return figure

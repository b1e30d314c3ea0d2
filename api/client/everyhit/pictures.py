"""Pictures in a notebook. They need Matplotlib, which is imported here alone."""

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

if TYPE_CHECKING:
    from everyhit.event import Event
    from everyhit.histogram import Histogram


def draw_histogram(of: "Histogram", axes: Axes | None, *, log: bool) -> Axes:
    """Draw counts with their errors, or cells by colour."""
    axes = axes or plt.subplots()[1]
    edges = [np.array(axis.edges) for axis in of.axes]
    if len(of.axes) == 1:
        axes.stairs(of.content, edges[0], fill=True, alpha=0.3, color="C0")
        axes.errorbar(
            of.axes[0].middles, of.content, np.sqrt(of.content), fmt="none", ecolor="C0", lw=0.8
        )
        axes.set_yscale("log" if log else "linear", **({"nonpositive": "clip"} if log else {}))
        axes.set_ylabel("counts")
    else:
        cells = axes.pcolormesh(*edges, of.content.T, norm="log" if log else "linear")
        axes.figure.colorbar(cells, ax=axes, label="counts")
        axes.set_ylabel(_plain(of.axes[1].label))
    axes.set_xlabel(_plain(of.axes[0].label))
    axes.set_title(_plain(of.title), loc="left", fontsize="medium")
    return axes


def draw_event(of: "Event", axes: Axes | None) -> Axes:
    """Draw the hits of an event where they lie, or one column against time."""
    axes = axes or plt.subplots()[1]
    hits = of.hits.filter("hit") if "hit" in of.hits.columns else of.hits
    known = [name for name in of.position if name in hits.columns]
    if len(known) >= 2:
        across, along = known[0], known[-1]
        hits = hits.drop_nulls([across, along])
        dots = axes.scatter(hits[across], hits[along], c=hits["t_ns"], s=18)
        axes.figure.colorbar(dots, ax=axes, label="ns since the event's begin")
        axes.set(xlabel=across, ylabel=along)
    else:
        column = next((name for name in of.element if name in hits.columns), "link")
        axes.scatter(hits["t_ns"], hits[column], s=18)
        axes.set(xlabel="ns since the event's begin", ylabel=column)
    axes.set_title(
        _plain(f"run {of.run} at {of.t_s:.9g} s: {', '.join(of.triggers)}"),
        loc="left",
        fontsize="medium",
    )
    return axes


def _plain(text: str) -> str:
    """Return a text in which a dollar begins no formula."""
    return text.replace("$", r"\$")

"""What a calibration leaves, as histograms of each chamber."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from db.catalogue.runs import Run
from ops.calibration.measured import Panel
from ops.plot import styled, title


def draw(run: Run, panels: Sequence[Panel]) -> Figure:
    """Return what a measurement leaves of each chamber's segments, as histograms."""
    with styled():
        figure = Figure(figsize=(5.5 * min(2, len(panels)), 3.4 * -(-len(panels) // 2)))
        grid = figure.subplots(-(-len(panels) // 2), min(2, len(panels)), squeeze=False)
        for axes in grid.flat[len(panels) :]:
            axes.set_visible(False)
        for axes, panel in zip(grid.flat, panels, strict=False):
            for label, counts in panel.counts.items():
                axes.stairs(counts, panel.edges, label=label)
            axes.set_xlim(panel.edges[0], panel.edges[-1])
            axes.set_ylim(0, 1.35 * max([1, *(counts.max() for counts in panel.counts.values())]))
            axes.set_xlabel(panel.of)
            axes.set_title(panel.title, loc="left")
            axes.legend(loc="upper center", ncols=2, fontsize="small")
        figure.suptitle(title(run), x=0.01, ha="left")
    return figure

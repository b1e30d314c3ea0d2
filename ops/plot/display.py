"""The event display."""

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection, LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from db.catalogue.runs import Run
from db.detector import Shape
from db.detector.elements import NOWHERE, elements
from ops.plot import GREY, styled, title, utc
from ops.plot.event import Event, drifts, shape_of

HIT, OTHER, CIRCLE, SEGMENT, TRACK = "#a9c6fe", "#f89c20", "#1f4fa8", "#e42536", "#7a21dd"
Dashes = tuple[float, tuple[float, ...]]
SOLID: Dashes = (0, ())
DASHED: Dashes = (0, (5, 4))
CELLS_AROUND = 5
"""A chamber's own picture shows at least so many cells to either side of its middle."""


def draw(run: Run, event: Event) -> Figure:
    """Return the event display: the view with most chambers as a whole, and each chamber by itself.

    Raises UsageError for a detector that declares no positions in a plane.
    """
    shape = shape_of(run.detector)
    cells = _placed(shape, elements(run.detector)).unique(("group", "x", "z")).sort("z", "x")
    hits = _placed(shape, drifts(run.detector, event))
    groups = cells.group_by("group").agg(
        pl.col("view").first(), low=pl.col("z").min(), high=pl.col("z").max()
    )
    view = int(groups["view"].mode().sort()[0])
    named = shape.element[0]
    with styled():
        figure = Figure(figsize=(13, 9.5), layout="compressed")
        grid = figure.add_gridspec(len(groups), 2, width_ratios=(1, 1.9))
        whole = figure.add_subplot(grid[:, 0])
        _cells(whole, shape, cells.filter(view=view), hits.filter(view=view))
        half_mm = _half_width(shape, hits)
        for row, (group, own_view, low, high) in enumerate(
            groups.sort("low", descending=True).iter_rows()
        ):
            axes = figure.add_subplot(grid[row, 1])
            own, own_cells = hits.filter(group=group), cells.filter(group=group)
            _cells(axes, shape, own_cells, own)
            _drift_circles(axes, own)
            if own_view != view:
                _aside(
                    whole, cells.filter(view=view), f"{named} {group}: view {own_view}", low, high
                )
            low, high = low - shape.size_mm[0] / 2, high + shape.size_mm[0] / 2
            for each in (axes, whole) if own_view == view else (axes,):
                _segments(each, event.segments.filter(chamber=group), low, high)
            _tracks(axes, event.tracks, own_view, low, high)
            _frame(axes, shape, own_cells, own, half_mm)
            axes.set_title(f"{named} {group}, view {own_view}", loc="left")
        whole.autoscale_view()
        _tracks(whole, event.tracks, view, *whole.get_ylim())
        x_label, z_label = (name.removesuffix("_mm") + " (mm)" for name in shape.position_mm)
        whole.set(aspect="equal", ylabel=z_label, xlabel=x_label)
        whole.set_title(f"view {view}", loc="left")
        axes.set_xlabel(x_label)
        figure.legend(handles=_legend(), loc="outside lower center", ncols=6)
        figure.suptitle(_heading(run, event), x=0.01, ha="left")
    return figure


def _placed(shape: Shape, frame: pl.DataFrame) -> pl.DataFrame:
    """Return what lies somewhere, with columns group, x, z and view beside its own."""
    view = pl.col(shape.view) if shape.view else pl.lit(0)
    x, z = shape.position_mm
    placed = frame.with_columns(
        group=pl.col(shape.element[0]), x=pl.col(x), z=pl.col(z), view=view.cast(pl.Int64)
    )
    return placed.filter(pl.col("view") != NOWHERE)


def _cells(axes: Axes, shape: Shape, cells: pl.DataFrame, hits: pl.DataFrame) -> None:
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * np.array(shape.size_mm) / 2
    in_segment = pl.col("drift_mm").is_not_null()
    for frame, face, edge, width in (
        (cells, "white", GREY, 0.4),
        (hits.filter(in_segment), HIT, "black", 0.6),
        (hits.filter(~in_segment), OTHER, "black", 0.6),
    ):
        boxes = frame.select("x", "z").to_numpy()[:, None] + corners
        axes.add_collection(
            PolyCollection(boxes, facecolors=face, edgecolors=edge, linewidths=width)
        )


def _drift_circles(axes: Axes, hits: pl.DataFrame) -> None:
    drifted = hits.drop_nulls("drift_mm")
    wires, radius = drifted.select("x", "z").to_numpy(), drifted["drift_mm"].abs().to_numpy()
    circles = EllipseCollection(
        2 * radius, 2 * radius, np.zeros(len(radius)), units="xy", offsets=wires
    )
    circles.set(offset_transform=axes.transData, facecolor="none", edgecolor=CIRCLE, linewidth=1.2)
    axes.add_collection(circles)
    passage = drifted.select(pl.col("x") + pl.col("side") * pl.col("drift_mm"), "z").to_numpy()
    axes.plot(*passage.T, ".", color=CIRCLE, markersize=6, zorder=3)
    axes.plot(*hits.select("x", "z").to_numpy().T, "+", color="black", markersize=4, mew=0.8)


def _segments(axes: Axes, segments: pl.DataFrame, low: float, high: float) -> None:
    _straight(axes, segments.select("x_mm", "z_mm", "slope"), low, high, SEGMENT, SOLID)


def _tracks(axes: Axes, tracks: pl.DataFrame, view: int, low: float, high: float) -> None:
    lines = tracks.filter(view=view).select("x0_mm", pl.lit(0.0).alias("z_mm"), "slope")
    _straight(axes, lines, low, high, TRACK, DASHED)


def _straight(
    axes: Axes, lines: pl.DataFrame, low: float, high: float, colour: str, dashes: Dashes
) -> None:
    """Draw lines given by x, z and dx/dz from one height to another."""
    ends = [
        [(x + slope * (end - z), end) for end in (low, high)] for x, z, slope in lines.iter_rows()
    ]
    axes.add_collection(
        LineCollection(ends, colors=colour, linestyles=[dashes], linewidths=1.6), autolim=False
    )


def _aside(axes: Axes, cells: pl.DataFrame, text: str, low: float, high: float) -> None:
    """Mark where a chamber lies that this view does not show."""
    x = cells["x"].to_numpy()
    box = Rectangle((x.min(), low), np.ptp(x), high - low)
    box.set(facecolor="none", edgecolor=GREY, hatch="///", linewidth=0.4)
    axes.add_patch(box)
    behind = {"facecolor": "white", "edgecolor": "none", "pad": 2}
    middle = (np.median(x), (low + high) / 2)
    axes.text(*middle, text, ha="center", va="center", fontsize=10, bbox=behind)


def _half_width(shape: Shape, hits: pl.DataFrame) -> float:
    """Return how far from its middle a chamber's picture must reach to hold all its segments."""
    used = hits.drop_nulls("drift_mm").group_by("group").agg(pl.col("x").max() - pl.col("x").min())
    widest: float = max([0.0, *used["x"].to_list()])
    return shape.size_mm[0] * max(CELLS_AROUND, 2 + widest / shape.size_mm[0] / 2)


def _frame(
    axes: Axes, shape: Shape, cells: pl.DataFrame, hits: pl.DataFrame, half_mm: float
) -> None:
    """Show the chamber around its segments, or its hits, and say how many lie outside."""
    margin_mm = shape.size_mm[0] / 2
    used = hits.drop_nulls("drift_mm")
    inner = (used if len(used) else hits if len(hits) else cells)["x"].to_numpy()
    x, z = cells["x"].to_numpy(), cells["z"].to_numpy()
    centre, room = (x.min() + x.max()) / 2, max(0, np.ptp(x) / 2 + 2 * margin_mm - half_mm)
    middle = np.clip((inner.min() + inner.max()) / 2, centre - room, centre + room)
    axes.set(aspect="equal", xlim=(middle - half_mm, middle + half_mm))
    axes.set_ylim(z.min() - margin_mm, z.max() + margin_mm)
    axes.tick_params(top=False, right=False, direction="out", which="both")
    outside = len(hits.filter((pl.col("x") - middle).abs() > half_mm))
    if outside:
        axes.set_title(f"{outside} hit{'s' * (outside > 1)} further away", loc="right", fontsize=11)


def _legend() -> list[Patch | Line2D]:
    circle = Line2D([], [], color=CIRCLE, marker="o", markersize=11, fillstyle="none", linestyle="")
    circle.set_label("drift distance")
    return [
        Patch(facecolor=HIT, edgecolor="black", label="hit of a segment"),
        Patch(facecolor=OTHER, edgecolor="black", label="hit of no segment"),
        circle,
        Line2D([], [], color=CIRCLE, marker=".", linestyle="", label="passage"),
        Line2D([], [], color=SEGMENT, label="segment"),
        Line2D([], [], color=TRACK, linestyle=DASHED, label="track"),
    ]


def _heading(run: Run, event: Event) -> str:
    since_ms = float(event.t * run.detector.tick) / 1e6
    return (
        f"{title(run)} · event {event.number}\n"
        f"{utc(run, event.t):%Y-%m-%d %H:%M:%S.%f} UTC · t = {event.t:,} ticks = {since_ms:,.6f} ms"
    )

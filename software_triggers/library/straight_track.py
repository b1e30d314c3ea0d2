from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from db.errors import TriggerError
from software_triggers.library.chamber_hits import column
from software_triggers.library.conflicts import ROUNDS, survivors
from software_triggers.library.track_search import candidates

Array = NDArray[Any]

REACH_NS = 500
"""How far from a track's t the segments lie, at most, that decide on it."""

USES = (
    *("t", "t0_ns", "chamber", "view", "n_hits", "x_mm", "z_mm", "slope", "chi2"),
    *("t0_err_ns", "x_err_mm", "slope_err", "x_slope_corr"),
)
"""Columns of segments that are looked at."""

TRACK = pl.Schema(
    {
        "t": pl.Int64(),
        "t0_ns": pl.Float64(),
        "view": pl.UInt8(),
        "n_segments": pl.UInt8(),
        "n_hits": pl.UInt8(),
        "x0_mm": pl.Float64(),
        "slope": pl.Float64(),
        "angle_rad": pl.Float64(),
        "chi2": pl.Float64(),
        "x0_err_mm": pl.Float64(),
        "slope_err": pl.Float64(),
        "chambers": pl.List(pl.UInt8()),
        "segment_t": pl.List(pl.Int64()),
    }
)


def tracks(
    segments: pl.DataFrame,
    *,
    tick_ns: float,
    within_ns: float = 20.0,
    max_chi2: float = 10.0,
    min_segments: int = 2,
) -> pl.DataFrame:
    """Return the straight lines through segments of several chambers, in order of t.

    ``segments`` are rows of ``mean_timer.segments`` in any order. A track joins segments of one
    view in different chambers, whose times lie ``within_ns`` of each other (time of flight comes
    on top of the errors) and which fit one line with ``max_chi2`` per degree of freedom, of which
    there are 2 * (n_segments - 1). Each segment counts with its own errors of x and slope, which
    is the fit of the line to all hits with each chamber's t0 left free. More segments win, then
    less chi2; no segment serves twice.

    Columns: t and t0_ns (the mean of the segments' times: t * tick_ns + t0_ns), view, n_segments,
    n_hits, x0_mm (at z = 0), slope (dx/dz), angle_rad (from the z axis), chi2, x0_err_mm,
    slope_err, and the lists chambers (ascending) and segment_t (their segments' t).

    Raises TriggerError where REACH_NS would not do.
    """
    if reach_ns(within_ns, tick_ns) > REACH_NS:
        raise TriggerError(
            f"within_ns = {within_ns} makes a track depend on segments"
            f" {reach_ns(within_ns, tick_ns):.0f} ns away, and {REACH_NS} ns are read: lower it"
        )
    numbers = segments.select(USES)  # without the lists, which are slow to sort
    ordered = numbers.sort("t", "t0_ns", "chamber", "x_mm", "slope", "chi2")
    found = [pl.DataFrame(schema=TRACK)]
    for view in ordered["view"].unique():
        own = ordered.filter(view=view)
        t, points = column(own, "t", pl.Int64), _points(own)
        members, lines, cost = candidates(
            t, column(own, "chamber", pl.UInt8), points, tick_ns, within_ns, min_segments, max_chi2
        )
        kept = survivors(members, cost, t.size)
        found.append(_describe(own, members[kept], lines[kept], tick_ns))
    return pl.concat(found).sort("t", "view", maintain_order=True)


def _points(segments: pl.DataFrame) -> Array:
    # The errors' covariance, [[x * x, c * x * s], [c * x * s, s * s]], turned round.
    x, s, c = pl.col("x_err_mm"), pl.col("slope_err"), pl.col("x_slope_corr")
    rest = 1 - c * c
    columns = segments.select(
        pl.col("t0_ns", "x_mm", "z_mm", "slope"),
        xx=1 / (x * x * rest),
        xs=-c / (x * s * rest),
        ss=1 / (s * s * rest),
        tt=1 / pl.col("t0_err_ns").pow(2),
    )
    return np.ascontiguousarray(columns.to_numpy())


def _describe(segments: pl.DataFrame, members: Array, lines: Array, tick_ns: float) -> pl.DataFrame:
    x0_mm, slope, x0_variance, slope_variance, chi2, late_ns = lines.T
    first, present = members[:, 0], members >= 0
    ticks = np.rint(late_ns / tick_ns)
    t, chamber, n_hits = (segments[name].to_numpy() for name in ("t", "chamber", "n_hits"))
    by_chamber = np.argsort(np.where(present, chamber[members].astype(np.int16), 256), axis=1)
    inner = np.take_along_axis(members, by_chamber, axis=1)
    n_segments = np.count_nonzero(present, axis=1)
    start = np.concatenate([[0], np.cumsum(n_segments)])
    inner = inner[np.arange(inner.shape[1]) < n_segments[:, None]]
    return pl.DataFrame(
        {
            "t": t[first] + ticks.astype(np.int64),
            "t0_ns": late_ns - ticks * tick_ns,
            "view": segments["view"].gather(first),
            "n_segments": n_segments,
            "n_hits": np.where(present, n_hits[members], 0).sum(axis=1),
            "x0_mm": x0_mm,
            "slope": slope,
            "angle_rad": np.arctan(slope),
            "chi2": chi2,
            "x0_err_mm": np.sqrt(x0_variance),
            "slope_err": np.sqrt(slope_variance),
            "chambers": pa.LargeListArray.from_arrays(start, chamber[inner]),
            "segment_t": pa.LargeListArray.from_arrays(start, t[inner]),
        }
    ).cast(TRACK)


def reach_ns(within_ns: float, tick_ns: float) -> float:
    """Return how far from a track's t the segments lie, at most, that decide on it.

    Its segments lie ``within_ns`` of t, its fate hangs on rivals up to 2 * ROUNDS - 1 steps of
    that further, and which rivals there are, on segments up to another that crowd in.
    """
    return (2 * ROUNDS + 1) * within_ns + tick_ns

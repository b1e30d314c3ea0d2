"""The trigger ``tracks``: straight lines through segments of several chambers."""

from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from db.errors import TriggerError
from software_triggers.library.alignment import Alignment, aligned
from software_triggers.library.chamber_hits import column
from software_triggers.library.conflicts import ROUNDS, survivors
from software_triggers.library.segment_search import patterns
from software_triggers.library.track_search import Lines, candidates, points_of

Array = NDArray[Any]

REACH_NS = 8000
"""How far from a track's t the segments lie, at most, that decide on it."""
FAR_NS = 500.0
"""How far from a segment's t its other lines may pass to be tried."""

EXACT = Alignment()

NUMBERS = (
    *("t", "t0_ns", "chamber", "view", "n_hits", "x_mm", "z_mm", "slope", "chi2"),
    "resolution_ns",
)
LISTS = ("alt_share", "alt_t0_ns", "alt_x_mm", "alt_slope", "alt_sides")
USES = (*NUMBERS, "sides", *LISTS)
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
        "angle_rad": pl.Float32(),
        "chi2": pl.Float32(),
        "x0_err_mm": pl.Float32(),
        "slope_err": pl.Float32(),
        "t0_err_ns": pl.Float32(),
        "x0_slope_corr": pl.Float32(),
        "x0_t0_corr": pl.Float32(),
        "slope_t0_corr": pl.Float32(),
        "chambers": pl.List(pl.UInt8()),
        "segment_t": pl.List(pl.Int64()),
    }
)


def tracks(
    segments: pl.DataFrame,
    *,
    tick_ns: float,
    v_drift_um_per_ns: float,
    cell_height_mm: float,
    flight_ns_per_m: float = 0.0,
    alignment: Alignment = EXACT,
    within_ns: float = 40.0,
    max_chi2: float = 10.0,
    min_segments: int = 2,
) -> pl.DataFrame:
    """Return the straight lines through segments of several chambers, in order of t.

    ``segments`` are rows of ``mean_timer.segments`` in any order. A track joins segments of one
    view in different chambers, whose times lie ``within_ns`` of each other and which fit one line
    and one time with ``max_chi2`` per degree of freedom, of which there are
    3 * (n_segments - 1). It is the fit of all hits with one t0. Where other lines fit a segment's
    hits, they are tried too, and count as less good by what they are less likely. More segments
    win, then less chi2; no segment serves twice.

    ``flight_ns_per_m`` is how much later a particle is on a metre of its way, where it comes down
    (towards smaller z), negative where it goes up, 0 to leave it out. ``v_drift_um_per_ns`` and
    ``cell_height_mm`` are those of the segments. Segments count where they would be without what
    the ``alignment`` says of their chambers.

    Columns: t and t0_ns (the passage at the mean z of its segments is at t * tick_ns + t0_ns),
    view, n_segments, n_hits, x0_mm (at z = 0), slope (dx/dz), angle_rad (from the z axis), chi2;
    the errors x0_err_mm, slope_err, t0_err_ns and their correlations x0_slope_corr, x0_t0_corr and
    slope_t0_corr; and the lists chambers (ascending) and segment_t (their segments' t).

    Raises TriggerError where REACH_NS would not do.
    """
    far_ns = reach_ns(within_ns, tick_ns) + alignment.latest_ns
    if far_ns > REACH_NS:
        raise TriggerError(
            f"within_ns = {within_ns}, and clocks off by {alignment.latest_ns} ns, make a track"
            f" depend on segments {far_ns:.0f} ns away, and {REACH_NS} ns are read: lower it"
        )
    numbers, added = aligned(segments.select(NUMBERS), alignment, tick_ns)
    ordered = numbers.with_row_index("row").sort(
        "view", "t", "t0_ns", "chamber", "x_mm", "slope", "chi2"
    )
    weight = weight_by_sides(v_drift_um_per_ns, cell_height_mm)
    found = [pl.DataFrame(schema=TRACK)]
    first = np.unique(ordered["view"].to_numpy(), return_index=True)[1]
    for start, stop in pairwise([*first.tolist(), len(ordered)]):
        own = ordered[start:stop]
        lines = _lines(own, segments, added, tick_ns)
        z_mm, resolution = (column(own, n, pl.Float64) for n in ("z_mm", "resolution_ns"))
        t, owner, points = points_of(lines, z_mm, resolution, weight)
        chamber = column(own, "chamber", pl.UInt8)[owner]
        members, fits, cost = candidates(
            *(t, chamber, owner, points, tick_ns, within_ns),
            *(flight_ns_per_m / 1000, min_segments, max_chi2),
        )
        rows = np.where(members < 0, -1, owner[members])
        kept = survivors(rows, cost, len(own))
        found.append(_describe(own, rows[kept], t[members[kept, 0]], fits[kept], tick_ns))
    return pl.concat(found).sort("t", "view", maintain_order=True)


def weight_by_sides(v_drift_um_per_ns: float, cell_height_mm: float) -> Array:
    """Return the inverse covariance of x, slope and t0 that hits with an error of 1 ns give.

    That is x x, x s, x t, s s, s t and t t, by sides -1 .. 1 in four layers: (3, 3, 3, 3, 6),
    from -1.
    """
    mm = v_drift_um_per_ns / 1000
    units = np.array([mm, mm / cell_height_mm, 1.0])
    inverse = np.linalg.inv(patterns().variance * np.outer(units, units))
    weight = np.zeros((3, 3, 3, 3, 6))
    weight[tuple(patterns().sides.astype(np.int64).T + 1)] = inverse[:, *np.triu_indices(3)]
    return weight


def _lines(ordered: pl.DataFrame, segments: pl.DataFrame, added: Array, tick_ns: float) -> Lines:
    # The segments' own lines, then the others that their hits fit, both in order of time.
    row = ordered["row"].to_numpy()
    n_alt = segments["alt_share"].list.len().to_numpy()[row]
    owner = np.repeat(np.arange(len(row)), n_alt)
    others = segments.select(LISTS)[row[n_alt > 0]]
    share, *line = (others[name].explode().to_numpy() for name in LISTS[:4])
    late, x_mm, slope = line + added[ordered["chamber"].to_numpy()[owner]].T
    sides, alt_sides = (
        values.explode().to_numpy().reshape(-1, 4)
        for values in (segments["sides"], others["alt_sides"])
    )
    own = (
        np.arange(len(row)),
        column(ordered, "t", pl.Int64),
        *(column(ordered, name, pl.Float64) for name in ("t0_ns", "x_mm", "slope")),
        -2 * np.log(1 - np.bincount(owner, share, len(row))),
        sides[row],
    )
    ticks = np.rint(late / tick_ns).astype(np.int64)
    t, rest = own[1][owner] + ticks, late - ticks * tick_ns
    order = np.lexsort((rest, t))
    order = order[abs(late[order]) <= FAR_NS]
    other = (owner, t, rest, x_mm, slope, -2 * np.log(share), alt_sides)
    return Lines(*(np.concatenate([a, b[order]]) for a, b in zip(own, other, strict=True)))


def _describe(
    ordered: pl.DataFrame, rows: Array, t_first: Array, fits: Array, tick_ns: float
) -> pl.DataFrame:
    x0_mm, slope, late_ns, chi2 = fits[:, :4].T
    xx, xs, xt, ss, st, tt = fits[:, 4:].T
    present = rows >= 0
    ticks = np.rint(late_ns / tick_ns)
    when, chamber, n_hits = (ordered[name].to_numpy() for name in ("told_t", "chamber", "n_hits"))
    by_chamber = np.argsort(np.where(present, chamber[rows].astype(np.int16), 256), axis=1)
    inner = np.take_along_axis(rows, by_chamber, axis=1)
    n_segments = np.count_nonzero(present, axis=1)
    start = np.concatenate([[0], np.cumsum(n_segments)])
    inner = inner[np.arange(inner.shape[1]) < n_segments[:, None]]
    return pl.DataFrame(
        {
            "t": t_first + ticks.astype(np.int64),
            "t0_ns": late_ns - ticks * tick_ns,
            "view": ordered["view"].gather(rows[:, 0]),
            "n_segments": n_segments,
            "n_hits": np.where(present, n_hits[rows], 0).sum(axis=1),
            "x0_mm": x0_mm,
            "slope": slope,
            "angle_rad": np.arctan(slope),
            "chi2": chi2,
            "x0_err_mm": np.sqrt(xx),
            "slope_err": np.sqrt(ss),
            "t0_err_ns": np.sqrt(tt),
            "x0_slope_corr": xs / np.sqrt(xx * ss),
            "x0_t0_corr": xt / np.sqrt(xx * tt),
            "slope_t0_corr": st / np.sqrt(ss * tt),
            "chambers": pa.LargeListArray.from_arrays(start, chamber[inner]),
            "segment_t": pa.LargeListArray.from_arrays(start, when[inner]),
        }
    ).cast(TRACK)


def reach_ns(within_ns: float, tick_ns: float) -> float:
    """Return how far from a track's t the segments lie, at most, that decide on it.

    Its segments pass ``within_ns`` of t, its fate hangs on rivals up to 2 * ROUNDS - 1 steps of
    that further, and which rivals there are, on segments up to another that crowd in. With each
    step, a segment may pass at the times of two of its lines, each FAR_NS from its own t.
    """
    return (2 * ROUNDS + 1) * (within_ns + 2 * FAR_NS) + FAR_NS + tick_ns

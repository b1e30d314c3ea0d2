from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from db.errors import TriggerError
from software_triggers.library.chamber_hits import by_chamber
from software_triggers.library.conflicts import ROUNDS
from software_triggers.library.segment_search import Cuts, fit_lines, patterns, search

Array = NDArray[Any]

REACH_NS = 6000
"""How far from a segment's t the hits lie, at most, that decide on it."""

SEGMENT = pl.Schema(
    {
        "t": pl.Int64(),
        "t0_ns": pl.Float64(),
        "chamber": pl.UInt8(),
        "view": pl.UInt8(),
        "n_hits": pl.UInt8(),
        "x_mm": pl.Float64(),
        "z_mm": pl.Float64(),
        "slope": pl.Float64(),
        "chi2": pl.Float64(),
        "t0_err_ns": pl.Float64(),
        "x_err_mm": pl.Float64(),
        "slope_err": pl.Float64(),
        "x_slope_corr": pl.Float64(),
        "hit_t": pl.List(pl.Int64()),
        "wires": pl.List(pl.UInt16()),
        "sides": pl.List(pl.Int8()),
    }
)


def segments(
    hits: pl.DataFrame,
    *,
    tick_ns: float,
    v_drift_um_per_ns: float,
    t_max_ns: float,
    cell_height_mm: float,
    min_hits: int = 3,
    max_chi2: float = 16.0,
    max_slope: float = 0.8,
    resolution_ns: float = 1.0,
    tolerance_ns: float = 5.0,
) -> pl.DataFrame:
    """Return the straight pieces of track in single chambers, in order of t.

    ``hits`` has t (ticks), chamber, layer (1 .. 4), wire (from 1; 0 is no wire, ignored), x_mm,
    z_mm and view, in any order. A segment has one hit in each of four layers, or in three of them
    if ``min_hits`` is 3. Position, slope and time of passage are fitted together for each pattern
    of sides: the mean-timer, written as least squares. Four hits win over three, less chi2 over
    more, then less slope; no hit serves twice. Three hits fit a line exactly, and some of them
    more than one: take their t and x with care.

    Columns: t and t0_ns (the passage is at t * tick_ns + t0_ns, t being the nearest tick),
    chamber, view, n_hits, x_mm and z_mm (at half the chamber's height), slope (dx/dz), chi2 (one
    degree of freedom for four hits, 0 for three); the errors t0_err_ns, x_err_mm, slope_err and
    the correlation x_slope_corr, for hits with errors of ``resolution_ns``; and, with one place
    for each layer, hit_t (ticks), wires and sides (1 if the passage is at larger x than the wire,
    -1 at smaller), all 0 where there is no hit.

    ``max_slope`` is of dx/dz, ``tolerance_ns`` how far drift times may lie outside
    [0, t_max_ns]. ``cell_height_mm`` is negative where layer 1 is on top.

    Raises TriggerError for hits outside the layers, another ``min_hits`` than 3 or 4, and where
    REACH_NS would not do.
    """
    if min_hits not in (3, 4):
        raise TriggerError(f"min_hits = {min_hits}: a segment has 3 or 4 hits")
    cuts = Cuts(
        tick_ns=tick_ns,
        drift_mm_per_ns=v_drift_um_per_ns / 1000,
        t_max_ns=t_max_ns,
        tolerance_ns=tolerance_ns,
        resolution_ns=resolution_ns,
        max_chi2=max_chi2,
        max_slope=max_slope * abs(cell_height_mm),
    )
    if reach_ns(cuts) > REACH_NS:
        raise TriggerError(
            f"t_max_ns = {t_max_ns} and tolerance_ns = {tolerance_ns} make a segment depend on"
            f" hits {reach_ns(cuts):.0f} ns away, and {REACH_NS} ns are read: lower the tolerance"
        )
    row, hit_t, wires, wire_mm, pattern = _all_chambers(hits, min_hits, cuts)
    t_first, fit = fit_lines(hit_t, wire_mm, pattern, patterns(), cuts)
    ticks = np.rint(fit[:, 2] / tick_ns).astype(np.int64)
    order = np.argsort(t_first + ticks, kind="stable")
    row, ticks, pattern, fit = row[order], ticks[order], pattern[order], fit[order]
    sides, error = patterns().sides.astype(np.int8), patterns().error
    mm, per_mm = cuts.drift_mm_per_ns, cuts.drift_mm_per_ns / cell_height_mm
    layer, z_mm = hits["layer"].gather(row), hits["z_mm"].gather(row)
    # Errors depend on the pattern alone: scaled as a short table, then looked up.
    scale = (resolution_ns * mm, resolution_ns * abs(per_mm), resolution_ns, 1.0)
    x_err_mm, slope_err, t0_err_ns, corr = (error * scale).T
    columns = {
        "t": t_first[order] + ticks,
        "t0_ns": fit[:, 2] - ticks * tick_ns,
        "chamber": hits["chamber"].gather(row),
        "view": hits["view"].gather(row),
        "n_hits": np.count_nonzero(sides, axis=1)[pattern],
        "x_mm": fit[:, 0] * mm,
        "z_mm": (z_mm - (layer - 2.5) * cell_height_mm).round(6),
        "slope": fit[:, 1] * per_mm,
        "chi2": (fit[:, 3] / resolution_ns) ** 2,
        "t0_err_ns": t0_err_ns[pattern],
        "x_err_mm": x_err_mm[pattern],
        "slope_err": slope_err[pattern],
        "x_slope_corr": corr[pattern] * np.sign(cell_height_mm),
        "hit_t": hit_t[order] * (sides != 0)[pattern],
        "wires": wires[order] * (sides != 0)[pattern],
        "sides": sides[pattern],
    }
    return pl.DataFrame(columns).cast(SEGMENT)


def _all_chambers(hits: pl.DataFrame, min_hits: int, cuts: Cuts) -> tuple[Array, ...]:
    # Row of a hit in the same chamber (n,); t, wire and its x by layer (n, 4); pattern (n,).
    none = np.empty(0, np.int64)
    parts = [(none, none.reshape(0, 4), none.reshape(0, 4), np.empty((0, 4)), none)]
    for c in by_chamber(hits):
        pattern, found = search(c.t, c.layer, c.x_mm, min_hits, cuts)
        row = np.full(len(found), c.row)
        parts.append((row, c.t[found], c.wire[found], c.x_mm[found], pattern))
    return tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))


def reach_ns(cuts: Cuts) -> float:
    """Return how far from a segment's t the hits lie, at most, that decide on it.

    With S for the longest segment in time: its hits lie within S of t. Its fate hangs on rivals
    up to 2 * ROUNDS - 1 steps of S away, and which rivals there are, on hits up to S further that
    crowd in. All of it counts twice for three hits: they are what those of four leave.
    """
    return ((4 * ROUNDS + 2) * cuts.span + 1) * cuts.tick_ns

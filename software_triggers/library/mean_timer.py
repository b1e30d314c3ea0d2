"""The trigger ``segments``: straight pieces of track in single chambers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from db.errors import TriggerError
from software_triggers.library.chamber_hits import by_chamber
from software_triggers.library.conflicts import ROUNDS
from software_triggers.library.segment_search import Cuts, fit_lines, patterns, search

Array = NDArray[Any]

REACH_NS = 7000
"""How far from a segment's t the hits lie, at most, that decide on it."""

QUALITY = pl.Series(["LOWQ", "LOWQGHOST", "HIGHQ", "HIGHQGHOST"])

SEGMENT = pl.Schema(
    {
        "t": pl.Int64(),
        "t0_ns": pl.Float64(),
        "chamber": pl.UInt8(),
        "view": pl.UInt8(),
        "n_hits": pl.UInt8(),
        "quality": pl.String(),
        "x_mm": pl.Float64(),
        "z_mm": pl.Float64(),
        "slope": pl.Float64(),
        "chi2": pl.Float32(),
        "t0_err_ns": pl.Float32(),
        "x_err_mm": pl.Float32(),
        "slope_err": pl.Float32(),
        "x_slope_corr": pl.Float32(),
        "x_t0_corr": pl.Float32(),
        "slope_t0_corr": pl.Float32(),
        "resolution_ns": pl.Float32(),
        "hit_t": pl.List(pl.Int64()),
        "wires": pl.List(pl.UInt16()),
        "sides": pl.List(pl.Int8()),
        "alt_share": pl.List(pl.Float32()),
        "alt_t0_ns": pl.List(pl.Float32()),
        "alt_x_mm": pl.List(pl.Float32()),
        "alt_slope": pl.List(pl.Float32()),
        "alt_sides": pl.List(pl.Int8()),
    }
)
"""Where and when the passage was, to the last bit; how sure that is, in four bytes."""


def segments(
    hits: pl.DataFrame,
    *,
    tick_ns: float,
    v_drift_um_per_ns: float,
    t_max_ns: float,
    cell_height_mm: float,
    min_hits: int = 3,
    max_chi2: float = 16.0,
    max_slope: float = 1.05,
    resolution_ns: float | Sequence[float] = 4.0,
    tolerance_ns: float = 5.0,
) -> pl.DataFrame:
    """Return the straight pieces of track in single chambers, in order of t.

    ``hits`` has t (ticks), chamber, layer (1 .. 4), wire (from 1; 0 is no wire, ignored), x_mm,
    z_mm and view, in any order. A segment has one hit in each of four layers, or in three of them
    if ``min_hits`` is 3. Position, slope and time of passage are fitted together for each pattern
    of sides: the mean-timer, written as least squares. Four hits win over three, then the likelier
    line, with angles as likely as cosmic muons have them; no hit serves twice.

    Three hits fit a line exactly, and often more than one. A segment says so: it keeps the other
    lines that fit its hits, and its errors reach over them.

    Columns: t and t0_ns (the passage is at t * tick_ns + t0_ns, t being the nearest tick),
    chamber, view, n_hits; quality, named as in the CMS drift tubes' trigger: HIGHQ for four hits,
    LOWQ for three, with GHOST behind it where other lines fit; x_mm and z_mm (at half the
    chamber's height), slope (dx/dz), chi2 (one degree of freedom for four hits, 0 for three); the
    errors t0_err_ns, x_err_mm, slope_err and the correlations x_slope_corr, x_t0_corr and
    slope_t0_corr, for hits with errors of ``resolution_ns``, which is a column too; with one place
    for each layer, hit_t (ticks), wires and sides (1 if the passage is at larger x than the wire,
    -1 at smaller), all 0 where there is no hit; and for each other line its alt_share (how likely
    it is; what the shares leave is the segment's own), alt_t0_ns (the passage would be at
    t * tick_ns + alt_t0_ns), alt_x_mm, alt_slope, and alt_sides, four to a line.

    ``resolution_ns`` is one number, or one for each chamber, of which chambers beyond have the
    last. ``max_slope`` is of dx/dz. ``tolerance_ns`` is how far drift times may lie outside
    [0, t_max_ns], and three resolutions at least. ``cell_height_mm`` is negative where layer 1 is
    on top.

    Raises TriggerError for hits outside the layers, another ``min_hits`` than 3 or 4, a resolution
    that is not above 0, and where REACH_NS would not do.
    """
    if min_hits not in (3, 4):
        raise TriggerError(f"min_hits = {min_hits}: a segment has 3 or 4 hits")
    widths = [resolution_ns] if isinstance(resolution_ns, int | float) else [*resolution_ns]
    if not widths or not min(widths) > 0:
        raise TriggerError(f"resolution_ns = {resolution_ns}: give ns, more than 0")
    cuts = [
        Cuts(
            tick_ns=tick_ns,
            drift_mm_per_ns=v_drift_um_per_ns / 1000,
            t_max_ns=t_max_ns,
            tolerance_ns=max(tolerance_ns, 3 * width),
            resolution_ns=width,
            max_chi2=max_chi2,
            max_slope=max_slope * abs(cell_height_mm),
            layer_mm=abs(cell_height_mm),
        )
        for width in widths
    ]
    widest = max(cuts, key=reach_ns)
    if reach_ns(widest) > REACH_NS:
        raise TriggerError(
            f"t_max_ns = {t_max_ns} and a tolerance of {widest.tolerance_ns} ns make a segment"
            f" depend on hits {reach_ns(widest):.0f} ns away, and {REACH_NS} ns are read: lower"
            " tolerance_ns or resolution_ns"
        )
    row, resolution, t_first, fit, pattern, hit_t, wires, other, line, likely = _all_chambers(
        hits, min_hits, cuts
    )
    ticks = np.rint(fit[:, 2] / tick_ns).astype(np.int64)
    order = np.argsort(t_first + ticks, kind="stable")
    row, resolution, ticks = row[order], resolution[order], ticks[order]
    fit, pattern = fit[order], pattern[order]
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    behind = np.argsort(place[other[:, 0]], kind="stable")
    owner, line, likely = place[other[behind, 0]], line[behind], likely[behind]
    start = np.searchsorted(owner, np.arange(len(order) + 1))
    ghost = start[1:] > start[:-1]

    mm, per_mm = v_drift_um_per_ns / 1000, v_drift_um_per_ns / 1000 / cell_height_mm
    units = np.array([mm, per_mm, 1.0])
    share = likely / (1 + np.bincount(owner, likely, len(order)))[owner]
    off = (line - fit[owner, :3]) * units
    error, corr = _certainty(pattern, resolution, owner, share, off, units)
    sides = patterns().sides.astype(np.int8)
    seen = (sides != 0)[pattern]
    n_hits = np.count_nonzero(sides, axis=1)[pattern]
    layer, z_mm = hits["layer"].gather(row), hits["z_mm"].gather(row)

    def lists(values: Array, width: int = 1) -> pa.Array:
        return pa.LargeListArray.from_arrays(width * start, values.ravel())

    columns = {
        "t": t_first[order] + ticks,
        "t0_ns": fit[:, 2] - ticks * tick_ns,
        "chamber": hits["chamber"].gather(row),
        "view": hits["view"].gather(row),
        "n_hits": n_hits,
        "quality": QUALITY.gather(2 * (n_hits == 4) + ghost),
        "x_mm": fit[:, 0] * mm,
        "z_mm": (z_mm - (layer - 2.5) * cell_height_mm).round(6),
        "slope": fit[:, 1] * per_mm,
        "chi2": (fit[:, 3] / resolution) ** 2,
        "t0_err_ns": error[2],
        "x_err_mm": error[0],
        "slope_err": error[1],
        "x_slope_corr": corr[0],
        "x_t0_corr": corr[1],
        "slope_t0_corr": corr[2],
        "resolution_ns": resolution,
        "hit_t": hit_t[order] * seen,
        "wires": wires[order] * seen,
        "sides": sides[pattern],
        "alt_share": lists(share),
        "alt_t0_ns": lists(line[:, 2] - (ticks * tick_ns)[owner]),
        "alt_x_mm": lists(line[:, 0] * mm),
        "alt_slope": lists(line[:, 1] * per_mm),
        "alt_sides": lists(sides[other[behind, 1]], 4),
    }
    return pl.DataFrame(columns).cast(SEGMENT)


def _all_chambers(hits: pl.DataFrame, min_hits: int, cuts: list[Cuts]) -> tuple[Array, ...]:
    # Of each segment the row of a hit in the same chamber, resolution (n,), earliest hit's t (n,),
    # fit (n, 4), pattern (n,), t and wire by layer (n, 4); then the other lines, as fit_lines has
    # them.
    none = np.empty(0, np.int64)
    four, some = none.reshape(0, 4), np.empty((0, 4))
    parts = [(none, some[:, 0], none, some, none, four, four, four[:, :2], some[:, :3], some[:, 0])]
    n = 0
    for c in by_chamber(hits):
        own = cuts[min(hits["chamber"][c.row], len(cuts) - 1)]
        pattern, several, found, less = search(c.t, c.layer, c.x_mm, min_hits, own)
        hit_t = c.t[found]
        t_first, fit, other, line, likely = fit_lines(
            hit_t, c.x_mm[found], pattern, several, less, patterns(), own
        )
        other[:, 0] += n
        n += len(found)
        row = np.full(len(found), c.row)
        resolution = np.full(len(found), own.resolution_ns)
        segment = (row, resolution, t_first, fit, pattern, hit_t, c.wire[found])
        parts.append((*segment, other, line, likely))
    return tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))


def _certainty(
    pattern: Array, resolution: Array, owner: Array, share: Array, off: Array, units: Array
) -> tuple[Array, Array]:
    # The errors of x, slope and t0 (3, n) and their correlations (3, n): those of the fit, and how
    # far the other lines are off, as likely as they are.
    alone = patterns().variance * np.outer(units, units)
    error, corr = (values.T[:, pattern] for values in _errors(alone))
    error *= resolution
    ghosts, place = np.unique(owner, return_inverse=True)
    variance = alone[pattern[ghosts]] * (resolution[ghosts] ** 2)[:, None, None]
    np.add.at(variance, place, share[:, None, None] * off[:, :, None] * off[:, None, :])
    error[:, ghosts], corr[:, ghosts] = (values.T for values in _errors(variance))
    return error, corr


def _errors(variance: Array) -> tuple[Array, Array]:
    # Of covariances (n, 3, 3): the errors (n, 3), and the correlations of 0 1, 0 2 and 1 2 (n, 3).
    error = np.sqrt(np.diagonal(variance, axis1=1, axis2=2))
    i, j = np.triu_indices(3, 1)
    return error, variance[:, i, j] / (error[:, i] * error[:, j])


def reach_ns(cuts: Cuts) -> float:
    """Return how far from a segment's t the hits lie, at most, that decide on it.

    With S for the longest segment in time: its hits lie within S of t. Its fate hangs on rivals
    up to 2 * ROUNDS - 1 steps of S away, and which rivals there are, on hits up to S further that
    crowd in. All of it counts twice for three hits: they are what those of four leave.
    """
    return ((4 * ROUNDS + 2) * cuts.span + 1) * cuts.tick_ns

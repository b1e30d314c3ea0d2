"""What segments say of the drift velocity."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from software_triggers.library.segment_search import patterns

Array = NDArray[Any]

ROUNDS = 10
CUT = 2.5
"""Segments further off their line than so many widths are left out: a hit is not the muon's."""
USES = ("chamber", "quality", "hit_t", "wires", "sides")


@dataclass(frozen=True)
class Drift:
    """The drift velocity that one chamber's segments tell, or those of all (chamber -1)."""

    chamber: int
    segments: int
    v_drift_um_per_ns: float
    error: float
    """One standard deviation of it."""
    width_ns: float
    """How far its four hits are off a line, as a standard deviation."""


def checks(segments: pl.DataFrame, wires: pl.DataFrame, tick_ns: float) -> pl.DataFrame:
    """Return what segments of four hits say of the drift velocity: chamber, time_ns, x_mm.

    Four hits lie on a line where time_ns + x_mm / velocity is 0. ``wires`` has the x_mm of each
    chamber, layer and wire. Segments that other lines fit as well, and patterns that say nothing
    of it, are left out.
    """
    own = segments.filter(quality="HIGHQ").select(USES)
    sides = np.array(own["sides"].to_list(), np.int64).reshape(-1, 4)
    wire = np.array(own["wires"].to_list(), np.int64).reshape(-1, 4)
    t = np.array(own["hit_t"].to_list(), np.int64).reshape(-1, 4)
    chamber = own["chamber"].to_numpy()
    x_of = np.full((256, 5, 1024), np.nan)
    x_of[tuple(wires[name].to_numpy() for name in ("chamber", "layer", "wire"))] = wires["x_mm"]
    check_of = np.zeros((3, 3, 3, 3, 4))
    check_of[tuple(patterns().sides.astype(np.int64).T + 1)] = patterns().check
    check = check_of[tuple(sides.T + 1)]
    x_mm = (check * x_of[chamber[:, None], np.arange(1, 5), wire]).sum(axis=1)
    time_ns = (check * sides * (t - t[:, :1])).sum(axis=1) * tick_ns
    made = pl.DataFrame({"chamber": chamber, "time_ns": time_ns, "x_mm": x_mm})
    return made.filter(pl.col("x_mm").abs() > 1e-6)


def drifts(found: pl.DataFrame, v_drift_um_per_ns: float) -> list[Drift]:
    """Return the drift velocity of each chamber, lowest number first, and of all, last.

    ``found`` is what ``checks`` returned, ``v_drift_um_per_ns`` where the search begins.
    """
    parts = [*found.partition_by("chamber", as_dict=True).items()]
    each = [_drift(int(n), part, v_drift_um_per_ns) for (n,), part in sorted(parts)]
    return [*each, _drift(-1, found, v_drift_um_per_ns)] if each else []


def left_ns(found: pl.DataFrame, v_drift_um_per_ns: float) -> Array:
    """Return how far segments are off a line with a drift velocity."""
    return (found["time_ns"] + found["x_mm"] * (1000 / v_drift_um_per_ns)).to_numpy()


def _drift(chamber: int, found: pl.DataFrame, v_drift_um_per_ns: float) -> Drift:
    # A straight line through the origin, without what lies far from it.
    time_ns, x_mm = found["time_ns"].to_numpy(), found["x_mm"].to_numpy()
    slowness = 1000 / v_drift_um_per_ns  # ns a mm
    kept = np.ones(len(x_mm), np.bool_)
    for _ in range(ROUNDS):
        square = (x_mm[kept] ** 2).sum()
        slowness = -(time_ns[kept] * x_mm[kept]).sum() / square
        left = time_ns + slowness * x_mm
        width = 1.4826 * np.median(abs(left))
        kept = abs(left) <= CUT * width
    error = width / np.sqrt((x_mm[kept] ** 2).sum())
    velocity = 1000 / slowness
    return Drift(chamber, int(kept.sum()), velocity, velocity * error / slowness, float(width))

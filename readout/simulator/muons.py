"""Muons, and where they cross the planes of the telescope."""

from dataclasses import dataclass
from math import sqrt

import numpy as np

from readout.simulator.conditions import Conditions
from readout.simulator.deviates import LARGEST_NORMAL, chosen, normal
from readout.simulator.stamp import Integers
from readout.simulator.telescope import Floats, Telescope

LIGHT_MM_PER_NS = 299.792458
PAIR_NS, PAIR_MM = 400.0, 60.0
CHANNELS_SEED = 40


@dataclass(frozen=True, eq=False)
class Muons:
    """Straight lines, one column each; coordinates 0 and 1 are what the views 0 and 1 measure."""

    at_mm: Floats
    """Both coordinates in the telescope's middle, shape (2, muons)."""
    slope: Floats
    """Of both over the height, shape (2, muons)."""
    t0_ns: Floats
    """When each is in the middle, shape (muons,), ascending."""
    chamber_t0_ns: Floats
    """When each is in the middle of each chamber, shape (chambers, muons)."""


def lead_ns(scope: Telescope, conditions: Conditions) -> float:
    """No hit of a muon comes earlier than this before the muon is in the telescope's middle."""
    steepest = LARGEST_NORMAL * conditions.slope_sigma
    flight_ns = scope.height_mm / 2 * sqrt(1 + 2 * steepest**2) / LIGHT_MM_PER_NS
    off_ns = max(map(abs, conditions.chamber_t0_ns), default=0.0)
    return flight_ns + LARGEST_NORMAL * (conditions.smear_ns + conditions.channel_t0_ns) + off_ns


def tail_ns(scope: Telescope, conditions: Conditions) -> float:
    """Each hit of a muon comes earlier than this after the muon is in the telescope's middle."""
    return lead_ns(scope, conditions) + scope.cell_mm / 2 / scope.v_mm_per_ns


def make_muons(
    scope: Telescope, conditions: Conditions, rng: np.random.Generator, a_ns: float, b_ns: float
) -> Muons:
    """Muons that are in the telescope's middle in [a, b), anywhere over the width of its planes.

    They come down at the speed of light, around the vertical.
    """
    n = rng.poisson(conditions.muon_rate_hz * (b_ns - a_ns) * 1e-9)
    waits = np.cumsum(rng.standard_exponential(n + 1))
    t0_ns = a_ns + (b_ns - a_ns) * waits[:-1] / waits[-1]
    left_mm = scope.first_x_mm.min() - scope.cell_mm / 2
    right_mm = scope.first_x_mm.max() + (scope.wires - 0.5) * scope.cell_mm
    at_mm = rng.uniform(left_mm, right_mm, (2, n))
    slope = conditions.slope_sigma * normal(rng, 2 * n).astype(np.float64).reshape(2, n)
    if conditions.pairs:
        second = np.flatnonzero(rng.random(max(0, n - 1)) < conditions.pairs) + 1
        t_ns = t0_ns[second - 1] + rng.uniform(0, PAIR_NS, len(second))
        second, t_ns = second[t_ns < b_ns], t_ns[t_ns < b_ns]
        near_mm = at_mm[:, second - 1] + rng.uniform(-PAIR_MM, PAIR_MM, (2, len(second)))
        t0_ns[second], at_mm[:, second] = t_ns, near_mm
        order = np.argsort(t0_ns, kind="stable")
        t0_ns, at_mm, slope = t0_ns[order], at_mm[:, order], slope[:, order]
    ns_per_mm = np.sqrt(1 + (slope**2).sum(axis=0)) / LIGHT_MM_PER_NS
    below_mm = scope.middle_mm - scope.centre_mm
    return Muons(at_mm, slope, t0_ns, t0_ns + below_mm[:, None] * ns_per_mm)


@dataclass(frozen=True, eq=False)
class Crossings:
    """Every muon in every plane: arrays of the shape (planes, muons)."""

    t: Integers
    """Ticks; -1 where there is no hit."""
    cell: Integers
    drift_ns: Floats
    """Without what smears it."""
    side: Integers
    """1 where the muon passes at larger x than the wire, else -1 or 0."""


def cross(
    scope: Telescope, conditions: Conditions, rng: np.random.Generator, muons: Muons
) -> Crossings:
    """Return what each plane sees of each muon.

    The cell around the crossing is hit when the muon is in the middle of its chamber, plus a drift
    time: the distance from the wire, at the wire's height, over a constant velocity, smeared. The
    flight within a chamber (0.1 ns) is neglected. Times are rounded to the nearest tick.
    """
    view = np.repeat(scope.view, scope.layers)
    height_mm = (scope.z_mm - scope.middle_mm)[:, None]
    off_mm, off_ns = _off(scope, conditions)
    along_mm = muons.at_mm[view] + muons.slope[view] * height_mm - off_mm[:, None]
    wire = np.rint(along_mm / scope.cell_mm)
    away_mm = along_mm - wire * scope.cell_mm
    drift_ns = np.abs(away_mm) / scope.v_mm_per_ns
    late_ns = np.float32(conditions.smear_ns) * normal(rng, wire.size).reshape(wire.shape)
    cell = wire.astype(np.int64) + np.arange(0, len(scope.words), scope.wires)[:, None]
    outside = (wire < 0) | (wire >= scope.wires)
    cell[outside] = 0
    t_ns = np.repeat(muons.chamber_t0_ns + off_ns[:, None], scope.layers, axis=0)
    t_ns += drift_ns + late_ns
    if conditions.channel_t0_ns:
        t_ns += conditions.channel_t0_ns * channels_late(scope)[cell]
    t = np.rint(t_ns / scope.tick_ns).astype(np.int64)
    t[outside] = -1
    t.ravel()[chosen(rng, t.size, conditions.inefficiency)] = -1
    for fpga, tdc_channel, share in conditions.weak_channels:
        of_cell = np.flatnonzero(cell.ravel() == scope.cell_of(fpga, tdc_channel))
        t.ravel()[of_cell[rng.random(len(of_cell)) < share]] = -1
    return Crossings(t, cell, drift_ns, np.sign(away_mm).astype(np.int64))


def channels_late(scope: Telescope) -> Floats:
    """How late each cell's channel is, in standard deviations; always the same, (cells,)."""
    rng = np.random.default_rng(CHANNELS_SEED)
    return normal(rng, len(scope.words)).astype(np.float64)


def _off(scope: Telescope, conditions: Conditions) -> tuple[Floats, Floats]:
    # Where each plane's first wire is, and how late each chamber's clock.
    x_mm, slope, t0_ns = (
        np.array([given[c] if c < len(given) else 0.0 for c in scope.chamber.tolist()])
        for given in (conditions.chamber_x_mm, conditions.chamber_slope, conditions.chamber_t0_ns)
    )
    above_mm = scope.z_mm - np.repeat(scope.centre_mm, scope.layers)
    moved_mm = np.repeat(x_mm, scope.layers) + np.repeat(slope, scope.layers) * above_mm
    return scope.first_x_mm + moved_mm, t0_ns

from dataclasses import dataclass
from math import sqrt

import numpy as np

from readout.simulator.conditions import Conditions
from readout.simulator.deviates import LARGEST_NORMAL, chosen, normal
from readout.simulator.stamp import Integers
from readout.simulator.telescope import Floats, Telescope

LIGHT_MM_PER_NS = 299.792458


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
    return flight_ns + LARGEST_NORMAL * conditions.smear_ns


def tail_ns(scope: Telescope, conditions: Conditions) -> float:
    """No hit of a muon comes later than this after the muon is in the telescope's middle."""
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
    ns_per_mm = np.sqrt(1 + (slope**2).sum(axis=0)) / LIGHT_MM_PER_NS
    below_mm = scope.middle_mm - scope.centre_mm
    return Muons(at_mm, slope, t0_ns, t0_ns + below_mm[:, None] * ns_per_mm)


def cross(
    scope: Telescope, conditions: Conditions, rng: np.random.Generator, muons: Muons
) -> tuple[Integers, Integers]:
    """Time (ticks, -1 where there is no hit) and cell of every muon in every plane.

    Both have the shape (planes, muons). The cell around the crossing is hit when the muon is in
    the middle of its chamber, plus a drift time: the distance from the wire, at the wire's height,
    over a constant velocity, smeared. The flight within a chamber (0.1 ns) is neglected. Times are
    rounded to the nearest tick.
    """
    view = np.repeat(scope.view, scope.layers)
    height_mm = (scope.z_mm - scope.middle_mm)[:, None]
    along_mm = muons.at_mm[view] + muons.slope[view] * height_mm - scope.first_x_mm[:, None]
    wire = np.rint(along_mm / scope.cell_mm)
    drift_ns = np.abs(along_mm - wire * scope.cell_mm) / scope.v_mm_per_ns
    drift_ns += np.float32(conditions.smear_ns) * normal(rng, wire.size).reshape(wire.shape)
    t_ns = np.repeat(muons.chamber_t0_ns, scope.layers, axis=0) + drift_ns
    tick = np.rint(t_ns / scope.tick_ns).astype(np.int64)
    tick[(wire < 0) | (wire >= scope.wires)] = -1
    tick.ravel()[chosen(rng, tick.size, conditions.inefficiency)] = -1
    return tick, wire.astype(np.int64) + np.arange(0, len(scope.words), scope.wires)[:, None]

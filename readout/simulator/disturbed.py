"""What chambers and their electronics make of a muon's hits, beside them."""

import numpy as np

from readout.simulator.conditions import Conditions
from readout.simulator.deviates import (
    LARGEST_EXPONENTIAL,
    LARGEST_NORMAL,
    chosen,
    exponential,
    normal,
)
from readout.simulator.muons import Crossings
from readout.simulator.stamp import Integers
from readout.simulator.telescope import Telescope

AFTER_NS, LONGER_NS = 20.0, 100.0
TALK_NS = 10.0


def longest_ns(conditions: Conditions) -> float:
    """No such hit comes later than this after the muon's own."""
    after = AFTER_NS + LARGEST_EXPONENTIAL * LONGER_NS if conditions.after_pulses else 0.0
    border = LARGEST_NORMAL * conditions.smear_ns if conditions.border_mm else 0.0
    talk = TALK_NS if conditions.cross_talk else 0.0
    return after + border + talk


def disturb(
    scope: Telescope, conditions: Conditions, rng: np.random.Generator, crossed: Crossings
) -> tuple[Integers, Integers]:
    """Return times (ticks) and cells of hits that are no muon's own.

    Where a delta electron came first, ``crossed.t`` is set to -1.
    """
    t, cell = crossed.t.ravel(), crossed.cell.ravel()
    times, cells = [np.empty(0, np.int64)], [np.empty(0, np.int64)]

    def made(where: Integers, late_ns: object, beside: object = 0) -> None:
        times.append(t[where] + np.rint(np.asarray(late_ns) / scope.tick_ns).astype(np.int64))
        cells.append(cell[where] + np.asarray(beside))

    def some(share: float) -> Integers:
        which = np.unique(chosen(rng, t.size, share))
        return which[t[which] >= 0]

    if conditions.after_pulses:
        where = some(conditions.after_pulses)
        made(where, AFTER_NS + LONGER_NS * exponential(rng, len(where)))
    if conditions.border_mm:
        near_ns = (scope.cell_mm / 2 - conditions.border_mm) / scope.v_mm_per_ns
        side = crossed.side.ravel()
        beyond = cell % scope.wires + side
        inside = (beyond >= 0) & (beyond < scope.wires)
        where = np.flatnonzero((t >= 0) & inside & (crossed.drift_ns.ravel() > near_ns))
        made(where, conditions.smear_ns * abs(normal(rng, len(where))), side[where])
    if conditions.cross_talk:
        where = some(conditions.cross_talk)
        beside = _next_channel(scope)[cell[where]]
        where, beside = where[beside >= 0], beside[beside >= 0]
        made(where, rng.uniform(0, TALK_NS, len(where)), beside - cell[where])
    if conditions.deltas:
        where = some(conditions.deltas)
        made(where, -rng.random(len(where)) * crossed.drift_ns.ravel()[where])
        t[where] = -1
    return np.concatenate(times), np.concatenate(cells)


def _next_channel(scope: Telescope) -> Integers:
    # The cell of each cell's next channel, -1 where there is none.
    key = scope.fpga * 1024 + scope.tdc_channel
    order = np.argsort(key)
    place = np.searchsorted(key[order], key + 1).clip(max=len(key) - 1)
    return np.where(key[order][place] == key + 1, order[place], -1)

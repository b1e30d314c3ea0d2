"""What the segment finder does, in NumPy: the specification, to the bit."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from db.detector import decode
from db.detector.words import Words
from fpga.segments.chamber import ACROSS, LAYERS, PATHS, Chamber, clock_steps, halves

Integers = NDArray[np.int64]

TIME_BITS = 19
"""Of the time that is remembered of a cell's last hit: what is longer ago may be taken for new."""
NEAR = 512
"""Ticks around a hit, [-NEAR, NEAR), in which the other hits of its segment are looked for."""
RECIPROCAL_BITS, FRACTION_BITS = 15, 6
HALF = 1 << RECIPROCAL_BITS - 1

SEGMENT = np.dtype(
    [
        ("at", "i8"),  # position in the stream of the hit that completed it
        ("t0", "i8"),  # ticks after that hit's time
        ("x4", "i8"),  # four times x at the chamber's middle from the leftmost wire, ticks of drift
        ("slope10", "i8"),  # ten times dx in ticks of drift from one layer to the next
        ("pattern", "i8"),  # its number in Chamber.patterns
        ("ghost", "?"),  # whether another pattern fits as well
        ("wires", "i8", LAYERS),  # 0 .. wires - 1
        ("hits", "i8", LAYERS),  # ticks after the completing hit's time
    ]
)


def find(chamber: Chamber, words: Words) -> NDArray[Any]:
    """The segments that a stream of words completes, in order; see SEGMENT.

    Of each cell the last hit counts. A hit makes a segment when, with the last hits of one path of
    cells through its own, it lies within the cuts of the chamber: straight, and all drift times in
    [0, t_max], each with its tolerance. The straightest pattern is taken, of equals the first.
    """
    at, t, layer, wire = _hits_of(chamber, words)
    tau, there, wires = _neighbours(chamber, t, layer, wire)
    best, which = np.full(len(at), 1 << 30), np.zeros(len(at), np.int64)
    fits = np.zeros(len(at), np.int64)
    for number, pattern in enumerate(chamber.patterns):
        times, complete = tau[pattern.shape], there[pattern.shape]
        drift = np.array(pattern.sides) * times
        off = np.abs(drift @ np.array(pattern.c) + chamber.wires_in(pattern, pattern.c))
        n_t0 = drift @ np.array(pattern.a) + chamber.wires_in(pattern, pattern.a)
        n, earliest, latest = pattern.n, times.min(axis=1), times.max(axis=1)
        good = complete & (off <= chamber.limit(pattern))
        good &= n_t0 <= n * (earliest + chamber.tolerance)
        good &= n_t0 >= n * (latest - chamber.t_max - chamber.tolerance)
        cost = off * chamber.weight(pattern)
        fits += good
        better = good & (cost < best)
        best, which = np.where(better, cost, best), np.where(better, number, which)
    return _solved(chamber, at, tau, wires, which, fits)


def _hits_of(chamber: Chamber, words: Words) -> tuple[Integers, Integers, Integers, Integers]:
    """Positions, times, layers from 0 and wires from 0 of the chamber's sound hits."""
    steps = clock_steps(chamber.detector)
    names = ("chamber", "layer", "wire", "hit", "corrupt")
    columns = decode(chamber.detector, words, columns=(*names, *steps))
    mine = columns["hit"] & ~columns["corrupt"] & (columns["chamber"] == chamber.number)
    at = np.flatnonzero(mine & (columns["wire"] > 0))
    of = {name: values[at].astype(np.int64) for name, values in columns.items()}
    t = sum(step * of[name] for name, step in steps.items()) % (1 << TIME_BITS)
    return at, np.asarray(t, np.int64), of["layer"] - 1, of["wire"] - 1


def _neighbours(
    chamber: Chamber, t: Integers, layer: Integers, wire: Integers
) -> tuple[Integers, NDArray[np.bool_], Integers]:
    """For each path (8, hits): the times of its cells' last hits after the hit's own (.., 4),
    whether all are near, and the wires (.., 4)."""
    n, offset = len(t), np.array(chamber.offset)
    cell = layer * chamber.wires + wire
    rows = {int(c): np.flatnonzero(cell == c) for c in np.unique(cell)}
    half = 2 * wire + offset[layer]
    tau = np.zeros((PATHS, n, LAYERS), np.int64)
    wires, near = np.zeros_like(tau), np.ones((PATHS, n), np.bool_)
    for shape in range(PATHS):
        up = np.array(halves(shape))
        for k in range(LAYERS):
            its = (half + up[k] - up[layer] - offset[k]) // 2
            last = np.full(n, -1)
            for c, known in rows.items():
                wanted = np.flatnonzero((layer != k) & (its == c - k * chamber.wires))
                wanted = wanted[(its[wanted] >= 0) & (its[wanted] < chamber.wires)]
                before = np.searchsorted(known, wanted) - 1
                last[wanted] = np.where(before >= 0, known[before], -1)
            after = (t[last] - t + NEAR) % (1 << TIME_BITS) - NEAR
            own = layer == k
            tau[shape, :, k] = np.where(own, 0, after)
            wires[shape, :, k] = its
            near[shape] &= own | ((last >= 0) & (after < NEAR))
    return tau, near, wires


def _solved(
    chamber: Chamber,
    at: Integers,
    tau: Integers,
    wires: Integers,
    which: Integers,
    fits: Integers,
) -> NDArray[Any]:
    found, patterns = np.flatnonzero(fits), chamber.patterns
    which = which[found]

    def of(values: list[Any]) -> Integers:
        return np.asarray(np.array(values)[which], np.int64)

    shape, a, s = (of([getattr(p, name) for p in patterns]) for name in ("shape", "a", "sides"))
    times, cells = tau[shape, found], wires[shape, found]
    n_t0 = (a * s * times).sum(axis=1) + of([chamber.wires_in(p, p.a) for p in patterns])
    t0 = n_t0 * of([reciprocal(p.n) for p in patterns]) + HALF >> RECIPROCAL_BITS
    drift, place = s * (times - t0[:, None]), 2 * cells + np.array(chamber.offset)
    segments = np.empty(len(found), SEGMENT)
    segments["at"], segments["t0"], segments["pattern"] = at[found], t0, which
    segments["x4"] = (place.sum(axis=1) * half_cell(chamber) >> FRACTION_BITS) + drift.sum(axis=1)
    segments["slope10"] = drift @ np.array(ACROSS) + of(
        [chamber.wires_in(p, ACROSS) for p in patterns]
    )
    segments["ghost"], segments["wires"], segments["hits"] = fits[found] > 1, cells, times
    flat: NDArray[Any] = segments[np.abs(segments["slope10"]) <= 10 * chamber.steepest]
    return flat


def half_cell(chamber: Chamber) -> int:
    """Ticks to drift half a cell, in fixed point."""
    return round(chamber.half * (1 << FRACTION_BITS))


def reciprocal(n: int) -> int:
    """1 / n in fixed point."""
    return round((1 << RECIPROCAL_BITS) / n)

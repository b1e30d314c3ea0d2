from collections.abc import Iterator
from functools import cache
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from db.kernel import kernel
from software_triggers.library.conflicts import survivors

Array = NDArray[Any]

CROWD = 8
"""Hits per layer that are tried with the earliest hit of a candidate: in a burst, the first ones.
It bounds the work, and makes it depend on nothing further away."""
BLOCK = 1 << 15
"""Hits that are searched in one go: at least so many, up to the next pause in the stream."""


class Patterns(NamedTuple):
    """The straight-line fits of all patterns of sides, solved once: one row per pattern.

    A line passes layer k = 0 .. 3 at x + slope * (k - 1.5), so that a hit at time tau on side s
    of its wire (1 right, -1 left) says: x + slope * (k - 1.5) + s * t0 = wire + s * tau =: y.
    With all lengths in ns of drift this is linear in y. The mean-timer formulae are the rows for
    t0 of the patterns of three hits; with four, all hits serve, and one check is left over.
    """

    start: Array
    """Rows start[m] to start[m + 1] are for hits in the layers whose bits are set in m, (17,)."""
    sides: Array
    """Side of the track in each layer, 0 where there is no hit, (n, 4)."""
    solve: Array
    """(x, slope, t0) = solve @ y, (n, 3, 4)."""
    check: Array
    """check @ y is how far four hits are off a line, in ns, with one hit's error, (n, 4)."""
    error: Array
    """Errors of x, slope and t0 for hits with an error of 1 ns, and x and slope's correlation,
    (n, 4)."""


class Cuts(NamedTuple):
    """What a segment may look like."""

    tick_ns: float
    drift_mm_per_ns: float
    t_max_ns: float
    tolerance_ns: float
    resolution_ns: float
    max_chi2: float
    max_slope: float
    """mm per layer"""

    @property
    def span(self) -> float:
        """Ticks between the hits of one segment, at most."""
        return (self.t_max_ns + 2 * self.tolerance_ns) / self.tick_ns


@cache
def patterns() -> Patterns:
    """Return the fits of all patterns of three or four hits that tell x, slope and t0."""
    start, rows = [0], []
    for mask in range(16):
        layers = [k for k in range(4) if mask >> k & 1]
        for signs in product((-1.0, 1.0), repeat=len(layers)) if len(layers) >= 3 else ():
            if abs(sum(signs)) == len(layers):
                continue  # all on one side: a later crossing looks like one further along x
            place = np.eye(4)[layers]
            model = np.column_stack([np.ones(len(layers)), np.array(layers) - 1.5, signs])
            solve = np.linalg.pinv(model).round(12)  # the last digits may depend on the machine
            off = np.linalg.eigh(np.eye(len(layers)) - model @ solve)[1][:, -1].round(12)
            check = off @ place if len(layers) == 4 else np.zeros(4)
            variance = solve @ solve.T
            error = np.sqrt(np.diag(variance))
            correlation = variance[0, 1] / (error[0] * error[1])
            rows.append((signs @ place, solve @ place, check, [*error, correlation]))
        start.append(len(rows))
    return Patterns(np.array(start), *map(np.array, zip(*rows, strict=True)))


def search(t: Array, layer: Array, x_mm: Array, min_hits: int, cuts: Cuts) -> tuple[Array, Array]:
    """Return the segments of one chamber: pattern (n,), and hits by layer (n, 4).

    ``t`` (ticks, ascending), ``layer`` (0 .. 3) and ``x_mm`` are the chamber's hits, to which the
    result points; where the pattern has no side, it points to any. Segments of four hits choose
    first; those of three are made of the hits that are left.
    """
    hits, chosen = [np.empty((0, 4), np.int64)], [np.empty(0, np.int64)]
    for first, last in _blocks(t, cuts.span):
        free = np.ones(last - first, np.bool_)
        block = slice(first, last)
        for n_hits in range(4, min_hits - 1, -1):
            found, pattern, cost = _candidates(
                t[block], layer[block], x_mm[block], free, n_hits, cuts.span, patterns(), cuts
            )
            kept = survivors(found, cost, last - first)
            found = found[kept]
            free[found[found >= 0]] = False
            hits.append(found + first)
            chosen.append(pattern[kept])
    return np.concatenate(chosen), np.concatenate(hits)


def _blocks(t: Array, span: float) -> Iterator[tuple[int, int]]:
    # Nothing spans a pause, so that it makes no difference where the stream is cut into blocks.
    pauses = np.flatnonzero(np.diff(t) > span) + 1
    after = np.searchsorted(pauses, np.arange(BLOCK, t.size, BLOCK))
    edges = np.unique([0, *pauses[after[after < pauses.size]], t.size])
    return zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)


@kernel()
def _candidates(
    t: Array,
    layer: Array,
    x_mm: Array,
    free: Array,
    n_hits: int,
    span: float,
    patterns: Patterns,
    cuts: Cuts,
) -> tuple[Array, Array, Array]:
    # All segments of n_hits free hits, ordered by their earliest hit, then by the others: hits by
    # layer (n, 4), -1 for none, the best pattern of each, and what it costs.
    size, room = 0, 256
    members = np.empty((room, 4), np.int64)
    chosen, cost = np.empty(room, np.int64), np.empty(room)
    off = cuts.resolution_ns * np.sqrt(cuts.max_chi2)
    apart = 2 * cuts.drift_mm_per_ns * (cuts.t_max_ns + cuts.tolerance_ns + off)
    near = np.full((5, CROWD), -1)  # the row past the layers stands for a layer without a hit
    n_near = np.ones(5, np.int64)
    row, pick = np.empty(4, np.int64), np.empty(4, np.int64)
    wire, tau = np.empty(4), np.empty(4)
    for a in range(t.size):
        if not free[a]:
            continue
        n_near[:4] = 0
        near[layer[a], 0] = a
        n_near[layer[a]] = 1
        for b in range(a + 1, t.size):
            if t[b] - t[a] > span:
                break
            k, steps = layer[b], abs(layer[b] - layer[a])
            close = abs(x_mm[b] - x_mm[a]) <= apart + steps * cuts.max_slope
            if free[b] and steps and close and n_near[k] < CROWD:
                near[k, n_near[k]] = b
                n_near[k] += 1
        for missing in range(4) if n_hits == 3 else range(4, 5):
            n_picks = 1 if missing != layer[a] else 0
            for k in range(4):
                row[k] = 4 if k == missing else k
                n_picks *= n_near[row[k]]
            for number in range(n_picks):
                rest = number
                for k in range(4):
                    pick[k] = near[row[k], rest % n_near[row[k]]]
                    rest //= n_near[row[k]]
                    # a missing layer reads hit -1: anything will do, its weight is 0
                    wire[k] = x_mm[pick[k]] / cuts.drift_mm_per_ns
                    tau[k] = (t[pick[k]] - t[a]) * cuts.tick_ns
                best, least = _best_pattern(wire, tau, 15 & ~(1 << missing), patterns, cuts)
                if best < 0:
                    continue
                if size == room:
                    room *= 2
                    members = np.concatenate((members, members))
                    chosen = np.concatenate((chosen, chosen))
                    cost = np.concatenate((cost, cost))
                members[size], chosen[size], cost[size] = pick, best, least
                size += 1
    return members[:size], chosen[:size], cost[:size]


@kernel()
def _best_pattern(
    wire: Array, tau: Array, mask: int, patterns: Patterns, cuts: Cuts
) -> tuple[int, float]:
    # The row of the best pattern within the cuts (-1 if there is none) and its cost: chi2, and a
    # trifle for the slope, which alone decides for three hits. It is whole millionths, so that
    # equals are equal in spite of rounding errors. Times and wires (4,) are in ns.
    best, least = -1, np.inf
    for p in range(patterns.start[mask], patterns.start[mask + 1]):
        off = 0.0
        for k in range(4):
            off += patterns.check[p, k] * (wire[k] + patterns.sides[p, k] * tau[k])
        chi2 = (off / cuts.resolution_ns) ** 2
        if chi2 > cuts.max_chi2:
            continue
        slope = t0 = 0.0
        for k in range(4):
            y = wire[k] + patterns.sides[p, k] * tau[k]
            slope += patterns.solve[p, 1, k] * y
            t0 += patterns.solve[p, 2, k] * y
        tilt = slope * cuts.drift_mm_per_ns / cuts.max_slope
        good = abs(tilt) <= 1
        for k in range(4):
            inside = -cuts.tolerance_ns <= tau[k] - t0 <= cuts.t_max_ns + cuts.tolerance_ns
            good &= inside or not mask >> k & 1
        cost = np.rint(1e6 * (chi2 + tilt**2))
        if good and cost < least:
            best, least = p, cost
    return best, least


@kernel()
def fit_lines(
    hit_t: Array, wire_mm: Array, chosen: Array, patterns: Patterns, cuts: Cuts
) -> tuple[Array, Array]:
    """Return the earliest hit's t (n,), and x, slope, t0 after that hit, and how far four hits
    are off the line, (n, 4), all in ns of drift, for hits by layer (n, 4) and pattern (n,)."""
    t_first = np.empty(chosen.size, np.int64)
    fit = np.zeros((chosen.size, 4))
    for i in range(chosen.size):
        p = chosen[i]
        t_first[i] = np.iinfo(np.int64).max
        for k in range(4):
            if patterns.sides[p, k] != 0:
                t_first[i] = min(t_first[i], hit_t[i, k])
        for k in range(4):
            tau = (hit_t[i, k] - t_first[i]) * cuts.tick_ns
            y = wire_mm[i, k] / cuts.drift_mm_per_ns + patterns.sides[p, k] * tau
            for j in range(3):
                fit[i, j] += patterns.solve[p, j, k] * y
            fit[i, 3] += patterns.check[p, k] * y
    return t_first, fit

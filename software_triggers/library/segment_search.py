"""The search for segments of one chamber, compiled."""

from collections.abc import Iterator
from functools import cache
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from db.kernel import kernel
from software_triggers.library.conflicts import survivors

Array = NDArray[Any]

PATTERNS_OF_3 = 6
CROWD = 8
"""Hits per layer that are tried with the earliest hit of a candidate: in a burst, the first ones.
It bounds the work, and makes it depend on nothing further away."""
LEAST = 0.02
"""Less likely alternatives than this, beside the likeliest one, are not told."""
EARLY = 5.0
"""What a line of three hits costs less where the layer without one has an early hit in the cell
that the line passes: a delta electron's, before the muon's own. Seen for every third such muon."""
CLOSE = 3.0
"""Resolutions from its wire within which a hit's side is not asked."""
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
    variance: Array
    """The covariance of (x, slope, t0) for hits with an error of 1 ns, (n, 3, 3)."""
    volume: Array
    """How much room the pattern's lines take among all hits, as a logarithm, (n,): of two patterns
    that fit, that with the larger one explains a given set of hits the less likely."""


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
    layer_mm: float

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
            volume = np.linalg.slogdet(model.T @ model)[1].round(12)
            rows.append((signs @ place, solve @ place, check, solve @ solve.T, volume))
        start.append(len(rows))
    return Patterns(np.array(start), *map(np.array, zip(*rows, strict=True)))


def search(
    t: Array, layer: Array, x_mm: Array, min_hits: int, cuts: Cuts
) -> tuple[Array, Array, Array, Array]:
    """Return the segments of one chamber: pattern, whether others fit (n,), hits by layer (n, 4).

    Then what each pattern of its layers costs less by what is seen in the layer without a hit,
    (n, 6) for three hits, 0 for four.

    ``t`` (ticks, ascending), ``layer`` (0 .. 3) and ``x_mm`` are the chamber's hits, to which the
    result points; where the pattern has no side, it points to any. Segments of four hits choose
    first; those of three are made of the hits that are left.
    """
    hits, chosen = [np.empty((0, 4), np.int64)], [np.empty(0, np.int64)]
    more, less = [np.empty(0, np.bool_)], [np.empty((0, PATTERNS_OF_3))]
    for first, last in _blocks(t, cuts.span):
        free = np.ones(last - first, np.bool_)
        block = slice(first, last)
        for n_hits in range(4, min_hits - 1, -1):
            found, pattern, several, cost = _candidates(
                t[block], layer[block], x_mm[block], free, n_hits, cuts.span, patterns(), cuts
            )
            seen = np.zeros((len(found), PATTERNS_OF_3))
            if n_hits == 3:
                _look_for_early(
                    *(t[block], layer[block], x_mm[block], free, found, pattern, cost),
                    *(seen, cuts.span, patterns(), cuts),
                )
            kept = survivors(found, cost, last - first)
            found, pattern, several, seen = found[kept], pattern[kept], several[kept], seen[kept]
            free[found[found >= 0]] = False
            hits.append(found + first)
            chosen.append(pattern)
            more.append(several)
            less.append(seen)
    return tuple(np.concatenate(parts) for parts in (chosen, more, hits, less))  # type: ignore[return-value]


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
) -> tuple[Array, Array, Array, Array]:
    # All segments of n_hits free hits, ordered by their earliest hit, then by the others: hits by
    # layer (n, 4), -1 for none, the best pattern of each, whether others fit, and what it costs.
    size, room = 0, 256
    members = np.empty((room, 4), np.int64)
    chosen, cost = np.empty(room, np.int64), np.empty(room)
    several = np.empty(room, np.bool_)
    off = cuts.resolution_ns * np.sqrt(cuts.max_chi2)
    apart = 2 * cuts.drift_mm_per_ns * (cuts.t_max_ns + cuts.tolerance_ns + off)
    near = np.full((5, CROWD), -1)  # the row past the layers stands for a layer without a hit
    n_near = np.ones(5, np.int64)
    row, pick, turn = np.empty(4, np.int64), np.empty(4, np.int64), np.empty(4, np.int64)
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
            turn[:] = 0
            for _ in range(n_picks):
                for k in range(4):
                    pick[k] = near[row[k], turn[k]]
                    # a missing layer reads hit -1: anything will do, its weight is 0
                    wire[k] = x_mm[pick[k]] / cuts.drift_mm_per_ns
                    tau[k] = (t[pick[k]] - t[a]) * cuts.tick_ns
                best, least, n = _best_pattern(wire, tau, 15 & ~(1 << missing), patterns, cuts)
                for k in range(4):
                    turn[k] += 1
                    if turn[k] < n_near[row[k]]:
                        break
                    turn[k] = 0
                if best < 0:
                    continue
                if size == room:
                    room *= 2
                    members = np.concatenate((members, members))
                    chosen = np.concatenate((chosen, chosen))
                    cost = np.concatenate((cost, cost))
                    several = np.concatenate((several, several))
                members[size], chosen[size], cost[size] = pick, best, least
                several[size] = n > 1
                size += 1
    return members[:size], chosen[:size], several[:size], cost[:size]


@kernel()
def _best_pattern(
    wire: Array, tau: Array, mask: int, patterns: Patterns, cuts: Cuts
) -> tuple[int, float, int]:
    # The row of the best pattern within the cuts (-1 if there is none), its cost, and how many
    # patterns are within the cuts.
    best, least, n = -1, np.inf, 0
    most = cuts.max_chi2 * cuts.resolution_ns**2
    for p in range(patterns.start[mask], patterns.start[mask + 1]):
        off = _off(wire, tau, p, patterns) if mask == 15 else 0.0  # three hits are on a line
        if off * off <= most:
            cost = _cost(off, wire, tau, p, patterns, cuts)[0]
            n += cost < np.inf
            if cost < least:
                best, least = p, cost
    return best, least, n


@kernel(inline="always")  # a call would cost as much again
def _off(wire: Array, tau: Array, p: int, patterns: Patterns) -> float:
    # How far four hits (their wires and times in ns) are off a line, in ns.
    off = 0.0
    for k in range(4):
        off += patterns.check[p, k] * (wire[k] + patterns.sides[p, k] * tau[k])
    return off


@kernel(inline="always")
def _cost(
    off: float, wire: Array, tau: Array, p: int, patterns: Patterns, cuts: Cuts
) -> tuple[float, float, float]:
    # Twice the negative logarithm of a pattern's likelihood, with angles as likely as those of
    # cosmic muons, cos**2 (and slopes, with d angle / d slope, as cos**4): inf for lines too steep,
    # or past the cells; then slope and t0. It is whole millionths, so that equals are equal in
    # spite of rounding errors.
    slope = t0 = 0.0
    for k in range(4):
        y = wire[k] + patterns.sides[p, k] * tau[k]
        slope += patterns.solve[p, 1, k] * y
        t0 += patterns.solve[p, 2, k] * y
    step_mm = slope * cuts.drift_mm_per_ns
    if abs(step_mm) > cuts.max_slope:
        return np.inf, slope, t0
    good = True
    for k in range(4):
        inside = -cuts.tolerance_ns <= tau[k] - t0 <= cuts.t_max_ns + cuts.tolerance_ns
        good &= inside or patterns.sides[p, k] == 0
    if not good:
        return np.inf, slope, t0
    angle = 4 * np.log(1 + (step_mm / cuts.layer_mm) ** 2)
    chi2 = (off / cuts.resolution_ns) ** 2
    return np.rint(1e6 * (chi2 + angle + patterns.volume[p])), slope, t0


@kernel()
def _look_for_early(
    t: Array,
    layer: Array,
    x_mm: Array,
    free: Array,
    members: Array,
    chosen: Array,
    cost: Array,
    less: Array,
    span: float,
    patterns: Patterns,
    cuts: Cuts,
) -> None:
    # Writes into less for candidates of three hits, and chooses their pattern and cost anew, where
    # the layer without a hit has one.
    wire, tau = np.empty(4), np.empty(4)
    half_mm = cuts.drift_mm_per_ns * (cuts.t_max_ns + cuts.tolerance_ns)
    apart = 2 * half_mm + cuts.max_slope + 1e-6
    for i in range(chosen.size):
        empty, a = 0, t.size
        for k in range(4):
            if patterns.sides[chosen[i], k] == 0:
                empty = k
            else:
                a = min(a, members[i, k])
        beside = x_mm[members[i, empty - 1 if empty else 1]]
        begin, end, b = t.size, 0, a  # of the hits that may be early
        while b > 0 and t[a] - t[b - 1] <= span:
            b -= 1
            if layer[b] == empty and free[b] and abs(x_mm[b] - beside) <= apart:
                begin, end = b, max(end, b + 1)
        b = a + 1
        while b < t.size and t[b] - t[a] <= span:
            if layer[b] == empty and free[b] and abs(x_mm[b] - beside) <= apart:
                begin, end = min(begin, b), b + 1
            b += 1
        if begin == t.size:
            continue
        for k in range(4):
            wire[k] = x_mm[members[i, k]] / cuts.drift_mm_per_ns
            tau[k] = (t[members[i, k]] - t[a]) * cuts.tick_ns
        first = patterns.start[15 & ~(1 << empty)]
        least = np.inf
        for q in range(first, first + PATTERNS_OF_3):
            value, slope, t0 = _cost(0.0, wire, tau, q, patterns, cuts)
            if value == np.inf:
                continue
            at = slope * (empty - 1.5)
            for k in range(4):
                at += patterns.solve[q, 0, k] * (wire[k] + patterns.sides[q, k] * tau[k])
            at_mm = at * cuts.drift_mm_per_ns
            for b in range(begin, end):
                away_mm = abs(x_mm[b] - at_mm)
                if free[b] and layer[b] == empty and away_mm <= half_mm:
                    late = (t[b] - t[a]) * cuts.tick_ns - t0
                    if -cuts.tolerance_ns <= late <= away_mm / cuts.drift_mm_per_ns:
                        less[i, q - first] = EARLY
            value -= 1e6 * less[i, q - first]
            if value < least:
                least = value
                chosen[i] = q
        cost[i] = least


@kernel()
def fit_lines(
    hit_t: Array,
    wire_mm: Array,
    chosen: Array,
    several: Array,
    less: Array,
    patterns: Patterns,
    cuts: Cuts,
) -> tuple[Array, Array, Array, Array, Array]:
    """Return the lines of segments with hits by layer (n, 4) and pattern (n,), and the others.

    Others are looked for where there are ``several`` (n,); ``less`` is what ``search`` returned.

    First the earliest hit's t (n,), and x, slope, t0 after that hit, and how far four hits are off
    the line, (n, 4), all in ns of drift. Then the other patterns within the cuts that fit the same
    hits and are no less likely than LEAST times the likeliest: segment and pattern (m, 2); their x,
    slope and t0 (m, 3); and their likelihood, the chosen pattern's being 1 (m,). Patterns that
    differ in the sides of hits close to their wire alone are one.
    """
    t_first = np.empty(chosen.size, np.int64)
    fit = np.zeros((chosen.size, 4))
    size, room = 0, 64
    other, line, likely = np.empty((room, 2), np.int64), np.zeros((room, 3)), np.empty(room)
    wire, tau = np.empty(4), np.empty(4)
    most = cuts.max_chi2 * cuts.resolution_ns**2
    for i in range(chosen.size):
        p, mask = chosen[i], 0
        t_first[i] = np.iinfo(np.int64).max
        for k in range(4):
            if patterns.sides[p, k] != 0:
                mask |= 1 << k
                t_first[i] = min(t_first[i], hit_t[i, k])
        for k in range(4):
            tau[k] = (hit_t[i, k] - t_first[i]) * cuts.tick_ns
            wire[k] = wire_mm[i, k] / cuts.drift_mm_per_ns
            y = wire[k] + patterns.sides[p, k] * tau[k]
            for j in range(3):
                fit[i, j] += patterns.solve[p, j, k] * y
            fit[i, 3] += patterns.check[p, k] * y
        if not several[i]:
            continue
        three = mask != 15
        least = _cost(fit[i, 3], wire, tau, p, patterns, cuts)[0]
        least -= 1e6 * less[i, p - patterns.start[mask]] if three else 0.0
        for q in range(patterns.start[mask], patterns.start[mask + 1]):
            off = _off(wire, tau, q, patterns)
            if q == p or off * off > most:
                continue
            cost, slope, t0 = _cost(off, wire, tau, q, patterns, cuts)
            if cost == np.inf:
                continue
            cost -= 1e6 * less[i, q - patterns.start[mask]] if three else 0.0
            apart = False
            for k in range(4):
                far = tau[k] - fit[i, 2] > CLOSE * cuts.resolution_ns
                apart |= far and patterns.sides[p, k] != patterns.sides[q, k]
            if not apart:
                continue
            share = np.exp(-(cost - least) / 2e6)
            if share < LEAST:
                continue
            if size == room:
                room *= 2
                other = np.concatenate((other, other))
                line, likely = np.concatenate((line, line)), np.concatenate((likely, likely))
            other[size, 0], other[size, 1], likely[size] = i, q, share
            line[size, 0], line[size, 1], line[size, 2] = 0.0, slope, t0
            for k in range(4):
                y = wire[k] + patterns.sides[q, k] * tau[k]
                line[size, 0] += patterns.solve[q, 0, k] * y
            size += 1
    return t_first, fit, other[:size], line[:size], likely[:size]

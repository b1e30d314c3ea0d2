from typing import Any

import numpy as np
from numpy.typing import NDArray

from db.kernel import kernel

Array = NDArray[Any]

CROWD = 7
"""Segments that are tried with the earliest one of a candidate: in a burst, the first ones. It
bounds the work, and makes it depend on nothing further away."""


@kernel()
def candidates(
    t: Array,
    chamber: Array,
    points: Array,
    tick_ns: float,
    within_ns: float,
    min_segments: int,
    max_chi2: float,
) -> tuple[Array, Array, Array]:
    """Return all sets of segments that fit one line, and their lines.

    ``t`` and ``chamber`` (n,) are the segments of one view in order of time; ``points`` (n, 8)
    their t0_ns, x, z, slope, the inverse of the covariance of x and slope (xx, xs, ss), and the
    inverse variance of t0. The sets come in order of their earliest segment: members
    (m, 1 + CROWD), negative where there are fewer; x at z = 0, slope, their variances, chi2, and
    the mean time in ns after the earliest segment's t (m, 6); cost (m,).
    """
    size, room = 0, 256
    members = np.full((room, 1 + CROWD), -1)
    lines, cost = np.empty((room, 6)), np.empty(room)
    pick = np.empty(1 + CROWD, np.int64)
    near = np.empty(CROWD, np.int64)
    for a in range(t.size):
        n_near = 0
        for b in range(a + 1, t.size):
            if (t[b] - t[a]) * tick_ns + (points[b, 0] - points[a, 0]) > within_ns:
                break
            if chamber[b] != chamber[a] and n_near < CROWD:
                near[n_near] = b
                n_near += 1
        for chosen in range(1, 1 << n_near):
            n = 1
            pick[0] = a
            once = True
            for k in range(n_near):
                if chosen >> k & 1:
                    for other in pick[:n]:
                        once &= chamber[other] != chamber[near[k]]
                    pick[n] = near[k]
                    n += 1
            if not once or n < min_segments:
                continue
            line = _fit(points, pick[:n])
            limit = max_chi2 * 2 * (n - 1)
            if line[4] > limit:
                continue
            if size == room:
                room *= 2
                members = np.concatenate((members, np.full_like(members, -1)))
                lines = np.concatenate((lines, lines))
                cost = np.concatenate((cost, cost))
            members[size, :n] = pick[:n]
            lines[size, :5] = line
            late = weight = 0.0
            for i in pick[:n]:
                late += points[i, 7] * ((t[i] - t[a]) * tick_ns + points[i, 0])
                weight += points[i, 7]
            lines[size, 5] = late / weight
            cost[size] = line[4] / limit - n  # more segments win, then less chi2
            size += 1
    return members[:size], lines[:size], cost[:size]


@kernel()
def _fit(points: Array, pick: Array) -> tuple[float, float, float, float, float]:
    # Least squares for x and slope of a line, with the first segment as origin.
    x_first, z_first = points[pick[0], 1], points[pick[0], 2]
    xx = xs = ss = bx = bs = 0.0
    for i in pick:
        x, z, slope, wxx, wxs, wss = points[i, 1:7]
        x, z = x - x_first, z - z_first
        xx += wxx
        xs += wxx * z + wxs
        ss += wxx * z * z + 2 * wxs * z + wss
        bx += wxx * x + wxs * slope
        bs += (wxx * z + wxs) * x + (wxs * z + wss) * slope
    det = xx * ss - xs * xs
    at_first = (ss * bx - xs * bs) / det
    line_slope = (xx * bs - xs * bx) / det
    chi2 = 0.0
    for i in pick:
        x, z, slope, wxx, wxs, wss = points[i, 1:7]
        dx = x - x_first - at_first - line_slope * (z - z_first)
        ds = slope - line_slope
        chi2 += wxx * dx * dx + 2 * wxs * dx * ds + wss * ds * ds
    x_variance = (ss + 2 * z_first * xs + z_first * z_first * xx) / det
    return x_first + at_first - line_slope * z_first, line_slope, x_variance, xx / det, chi2

"""The search for points of several chambers that fit one line and time, compiled."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from db.kernel import kernel

Array = NDArray[Any]

CROWD = 7
"""Segments that are tried with the earliest one of a candidate: in a burst, the first ones. It
bounds the work, and makes it depend on nothing further away."""


class Lines(NamedTuple):
    """Lines that the hits of segments fit: arrays of one length.

    First each segment's own, in order of time, then all others, in order of time.
    """

    owner: Array
    """the segment"""
    t: Array
    late_ns: Array
    """The passage at half the chamber's height is so long after t."""
    x_mm: Array
    slope: Array
    unlikely: Array
    """-2 ln of how likely the line is, of all that its hits fit"""
    sides: Array
    """-1, 0 or 1 in four layers, (n, 4)"""


@kernel()
def points_of(
    lines: Lines, z_mm: Array, resolution_ns: Array, weight: Array
) -> tuple[Array, Array, Array]:
    """Return t, owner and points of lines, as ``candidates`` takes them.

    ``z_mm`` and ``resolution_ns`` are those of the owners; ``weight`` (3, 3, 3, 3, 6) is the
    inverse covariance that hits with an error of 1 ns give, by their sides + 1.
    """
    n, size = z_mm.size, lines.t.size
    t, owner, points = np.empty(size, np.int64), np.empty(size, np.int64), np.empty((size, 11))
    i, j = 0, n
    for k in range(size):
        other = i == n
        if not other and j < size:
            other = lines.t[j] < lines.t[i]
            other |= lines.t[j] == lines.t[i] and lines.late_ns[j] < lines.late_ns[i]
        at = j if other else i
        i, j = i + (not other), j + other
        t[k], owner[k] = lines.t[at], lines.owner[at]
        points[k, 0], points[k, 1] = lines.late_ns[at], lines.x_mm[at]
        points[k, 2], points[k, 3] = z_mm[owner[k]], lines.slope[at]
        a, b, c, d = lines.sides[at]
        points[k, 4:10] = weight[a + 1, b + 1, c + 1, d + 1] / resolution_ns[owner[k]] ** 2
        points[k, 10] = lines.unlikely[at]
    return t, owner, points


@kernel()
def candidates(
    t: Array,
    chamber: Array,
    owner: Array,
    points: Array,
    tick_ns: float,
    within_ns: float,
    flight_ns_per_mm: float,
    min_segments: int,
    max_chi2: float,
) -> tuple[Array, Array, Array]:
    """Return all sets of points that fit one line and one time, and their lines.

    ``t``, ``chamber`` and ``owner`` (n,) are the points of one view in order of time: the lines of
    segments, of which those of one owner are alternatives. ``points`` (n, 11) are their t0_ns, x,
    z, slope, the inverse of the covariance of x, slope and t0 (xx, xs, xt, ss, st, tt), and -2 ln
    of how likely they are. The sets come in order of their earliest point: members
    (m, 1 + CROWD), negative where there are fewer; x at z = 0, slope, the time at the points' mean
    z in ns after the earliest point's t, chi2, and the covariance (m, 10); cost (m,).
    """
    size, room = 0, 256
    members = np.full((room, 1 + CROWD), -1)
    lines, cost = np.empty((room, 10)), np.empty(room)
    pick = np.empty(1 + CROWD, np.int64)
    near = np.empty(CROWD, np.int64)
    line = np.empty(10)
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
            _fit(t, points, pick[:n], tick_ns, flight_ns_per_mm, line)
            limit = max_chi2 * 3 * (n - 1)
            unlikely = line[3]
            for i in pick[:n]:
                unlikely += points[i, 10]
            if unlikely > limit:
                continue
            if size == room:
                room *= 2
                members = np.concatenate((members, np.full_like(members, -1)))
                lines = np.concatenate((lines, lines))
                cost = np.concatenate((cost, cost))
            members[size, :n] = pick[:n]
            lines[size] = line
            cost[size] = unlikely / limit - n  # more segments win, then less chi2
            size += 1
    return members[:size], lines[:size], cost[:size]


@kernel()
def _fit(
    t: Array, points: Array, pick: Array, tick_ns: float, flight_ns_per_mm: float, line: Array
) -> None:
    # Least squares for x, slope and time at the points' mean z, with the first point as origin.
    first, last, z_mean = pick[0], pick[0], 0.0
    for i in pick:
        z_mean += points[i, 2] / pick.size
        if abs(points[i, 2] - points[first, 2]) > abs(points[last, 2] - points[first, 2]):
            last = i
    x_first, t_first = points[first, 1], t[first]
    chord = points[first, 3]
    if points[last, 2] != points[first, 2]:
        chord = (points[last, 1] - x_first) / (points[last, 2] - points[first, 2])
    later = flight_ns_per_mm * np.sqrt(1 + chord * chord)
    xx = xs = xt = ss = st = tt = bx = bs = bt = 0.0
    for i in pick:
        x, z, slope = points[i, 1] - x_first, points[i, 2] - z_mean, points[i, 3]
        late = (t[i] - t_first) * tick_ns + points[i, 0] + later * z
        wxx, wxs, wxt, wss, wst, wtt = points[i, 4:10]
        xx += wxx
        xs += wxx * z + wxs
        xt += wxt
        ss += wxx * z * z + 2 * wxs * z + wss
        st += wxt * z + wst
        tt += wtt
        fx = wxx * x + wxs * slope + wxt * late
        bx += fx
        bs += fx * z + wxs * x + wss * slope + wst * late
        bt += wxt * x + wst * slope + wtt * late
    cxx, cxs, cxt = ss * tt - st * st, xt * st - xs * tt, xs * st - xt * ss
    css, cst, ctt = xx * tt - xt * xt, xs * xt - xx * st, xx * ss - xs * xs
    det = xx * cxx + xs * cxs + xt * cxt
    at = (cxx * bx + cxs * bs + cxt * bt) / det
    slope_fit = (cxs * bx + css * bs + cst * bt) / det
    late_fit = (cxt * bx + cst * bs + ctt * bt) / det
    chi2 = 0.0
    for i in pick:
        z = points[i, 2] - z_mean
        dx = points[i, 1] - x_first - at - slope_fit * z
        ds = points[i, 3] - slope_fit
        dt = (t[i] - t_first) * tick_ns + points[i, 0] + later * z - late_fit
        wxx, wxs, wxt, wss, wst, wtt = points[i, 4:10]
        chi2 += wxx * dx * dx + wss * ds * ds + wtt * dt * dt
        chi2 += 2 * (wxs * dx * ds + wxt * dx * dt + wst * ds * dt)
    line[0], line[1], line[2] = x_first + at - slope_fit * z_mean, slope_fit, late_fit
    line[3] = chi2
    line[4] = (cxx - 2 * z_mean * cxs + z_mean * z_mean * css) / det
    line[5], line[6] = (cxs - z_mean * css) / det, (cxt - z_mean * cst) / det
    line[7], line[8], line[9] = css / det, cst / det, ctt / det

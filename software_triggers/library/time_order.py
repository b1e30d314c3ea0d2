"""A sort by group and time, in time linear in the rows."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from db.kernel import kernel

Array = NDArray[Any]

FEW = 24
"""Keys that are sorted by insertion, the fastest way for so few."""


@kernel()
def time_order(
    t: Array, group: Array, low: Array, bits: int, t_first: int, t_last: int
) -> tuple[Array, Array, Array]:
    """Sort rows by group, then by time, then by ``low``, in time linear in the rows.

    ``group`` is 0 .. 255, ``low`` has ``bits`` bits, and rows whose ``low`` is negative are left
    out; all t lie in [t_first, t_last]. Return the groups that have rows, lowest first, where the
    rows of each begin (and, one further, where the last ends), and for each row
    ``(t - t_first) << bits | low``.

    Streams are nearly in order: rows go into buckets of time of a row or two each.
    """
    member = np.zeros(256, np.bool_)
    n = 0
    for i in range(t.size):
        if low[i] >= 0:
            member[group[i]] = True
            n += 1
    groups = np.flatnonzero(member)
    rank = np.zeros(256, np.int64)
    rank[groups] = np.arange(groups.size)
    shift = 0
    while ((t_last - t_first) >> shift) * groups.size * 2 > n:
        shift += 1
    n_buckets = ((t_last - t_first) >> shift) + 1
    end = np.zeros(groups.size * n_buckets + 1, np.int64)
    for i in range(t.size):
        if low[i] >= 0:
            end[rank[group[i]] * n_buckets + ((t[i] - t_first) >> shift) + 1] += 1
    for b in range(1, end.size):
        end[b] += end[b - 1]
    start = end[::n_buckets].copy()
    keys = np.empty(n, np.int64)
    for i in range(t.size):
        if low[i] >= 0:
            b = rank[group[i]] * n_buckets + ((t[i] - t_first) >> shift)
            keys[end[b]] = (t[i] - t_first) << bits | low[i]
            end[b] += 1
    first = 0
    for b in range(end.size - 1):
        if end[b] - first > FEW:
            keys[first : end[b]].sort()
        else:
            for i in range(first + 1, end[b]):
                key, j = keys[i], i
                while j > first and keys[j - 1] > key:
                    keys[j] = keys[j - 1]
                    j -= 1
                keys[j] = key
        first = end[b]
    return groups, start, keys

from math import ceil
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from software_triggers.library.chamber_hits import by_chamber, column

Array = NDArray[Any]


def segment_clusters(
    t0s: pl.DataFrame,
    hits: pl.DataFrame,
    *,
    tick_ns: float,
    t_max_ns: float,
    margin_ns: float = 10.0,
) -> pl.DataFrame:
    """Return for each segment time that the front-end sent the hits that belong to it.

    ``t0s`` has t (ticks) and chamber, one row per segment word; ``hits`` has t, chamber, layer
    and wire (0 is no wire, left out); both in any order. To a segment time belong the hits of its
    chamber with t0 - margin <= t < t0 + t_max + margin, the limits rounded outwards to ticks: a
    hit may belong to several. It depends on hits up to t_max_ns + margin_ns and a tick from t.

    Columns, in order of t, then of chamber: t and chamber of the segment time, n_hits, and the
    lists hit_t (ticks), layers (1 .. 4) and wires, sorted by t, then by layer and wire.
    """
    t, chamber = column(t0s, "t", pl.Int64), column(t0s, "chamber", pl.UInt8)
    order = np.lexsort((chamber, t))
    t, chamber = t[order], chamber[order]
    begin, end = t - ceil(margin_ns / tick_ns), t + ceil((t_max_ns + margin_ns) / tick_ns)
    first, last = np.zeros((2, t.size), np.int64)
    n_before, parts = 0, [(np.empty(0, np.int64), np.empty(0, np.int8), np.empty(0, np.int16))]
    for group in by_chamber(hits.with_columns(x_mm=pl.lit(0.0))):
        own = np.flatnonzero(chamber == hits["chamber"][group.row])
        first[own] = n_before + _count_below(group.t, begin[own])
        last[own] = n_before + _count_below(group.t, end[own])
        n_before += group.t.size
        parts.append((group.t, group.layer + np.int8(1), group.wire))
    n_hits = last - first
    start = np.concatenate([[0], np.cumsum(n_hits)])
    taken = np.arange(start[-1]) + np.repeat(first - start[:-1], n_hits)
    hit_t, layers, wires = (
        pa.LargeListArray.from_arrays(start, np.concatenate(values)[taken])
        for values in zip(*parts, strict=True)
    )
    return pl.DataFrame(
        {
            "t": t,
            "chamber": chamber,
            "n_hits": n_hits,
            "hit_t": hit_t,
            "layers": layers,
            "wires": wires,
        }
    ).cast({"n_hits": pl.UInt32, "layers": pl.List(pl.UInt8), "wires": pl.List(pl.UInt16)})


@njit(cache=True, nogil=True)
def _count_below(t: Array, limits: Array) -> Array:
    # As np.searchsorted, but walks through both once, as they are sorted.
    below = np.empty_like(limits)
    n = 0
    for i in range(limits.size):
        while n < t.size and t[n] < limits[i]:
            n += 1
        below[i] = n
    return below

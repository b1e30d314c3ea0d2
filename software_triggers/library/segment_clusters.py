"""The trigger ``segment_clusters``: hits at the segments that a front-end found."""

from math import ceil
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from db.errors import TriggerError
from db.kernel import kernel
from software_triggers.library.chamber_hits import CELL_BITS, WIRE_BITS, column
from software_triggers.library.time_order import time_order

Array = NDArray[Any]


def segment_clusters(
    words: pl.DataFrame, *, tick_ns: float, t_max_ns: float, margin_ns: float = 10.0
) -> pl.DataFrame:
    """Return for each segment time that the front-end sent the hits that belong to it.

    ``words`` has, in any order, t (ticks), chamber, ``segment`` (true for a segment time), ``hit``,
    layer and wire (0 is no wire, left out). To a segment time belong the hits of its chamber with
    t0 - margin <= t < t0 + t_max + margin, the limits rounded outwards to ticks: a hit may belong
    to several. It depends on hits up to t_max_ns + margin_ns and a tick from t.

    Columns, in order of t, then of chamber: t and chamber of the segment time, n_hits, and the list
    hits, sorted by time, then by layer and wire: each is drift * 4096 + (layer - 1) * 1024 + wire,
    drift being the ticks from t to the hit and layer 1 .. 4 (``bitShiftRight(h, 12)`` is the drift,
    ``bitAnd(bitShiftRight(h, 10), 3) + 1`` the layer, ``bitAnd(h, 1023)`` the wire). Raises
    TriggerError for a margin of 2**15 ticks and more.
    """
    before, after = ceil(margin_ns / tick_ns), ceil((t_max_ns + margin_ns) / tick_ns)
    if max(before, after) >> 15:
        raise TriggerError(f"margin_ns = {margin_ns}: give less than {1 << 15} ticks")
    t = column(words, "t", pl.Int64)
    found = _clusters(
        t,
        column(words, "chamber", pl.UInt8),
        column(words, "segment", pl.Boolean),
        column(words, "hit", pl.Boolean),
        column(words, "layer", pl.UInt8),
        column(words, "wire", pl.UInt16),
        before,
        after,
        int(t.min()) if t.size else 0,
        int(t.max()) if t.size else 0,
    )
    t0, chamber, start, hits = found
    n_hits = np.diff(start).astype(np.uint32)
    lists = pa.LargeListArray.from_arrays(start, hits)
    return pl.DataFrame({"t": t0, "chamber": chamber, "n_hits": n_hits, "hits": lists})


@kernel()
def _clusters(
    t: Array,
    chamber: Array,
    segment: Array,
    hit: Array,
    layer: Array,
    wire: Array,
    before: int,
    after: int,
    t_first: int,
    t_last: int,
) -> tuple[Array, Array, Array, Array]:
    cell, mark = np.full(t.size, -1, np.int16), np.full(t.size, -1, np.int16)
    for i in range(t.size):
        if segment[i]:
            mark[i] = 0
        if hit[i] and wire[i]:
            cell[i] = (np.int16(layer[i]) - 1) << WIRE_BITS | wire[i]
    groups, begin, t0s = time_order(t, chamber, mark, 0, t_first, t_last)
    owners, bounds, keys = time_order(t, chamber, cell, CELL_BITS, t_first, t_last)
    low, high = np.zeros(groups.size, np.int64), np.zeros(groups.size, np.int64)
    limit = np.zeros(groups.size, np.int64)
    for g in range(groups.size):
        for k in range(owners.size):
            if owners[k] == groups[g]:
                low[g] = high[g] = bounds[k]
                limit[g] = bounds[k + 1]
    # Merge the chambers' segment times, walking through the hits of each chamber once.
    at = begin[:-1].copy()
    order, first = np.empty(t0s.size, np.uint8), np.empty(t0s.size, np.int64)
    start = np.zeros(t0s.size + 1, np.int64)
    for n in range(t0s.size):
        g = -1
        for k in range(groups.size):
            if at[k] < begin[k + 1] and (g < 0 or t0s[at[k]] < t0s[at[g]]):
                g = k
        t0 = t0s[at[g]]
        at[g] += 1
        while low[g] < limit[g] and keys[low[g]] >> CELL_BITS < t0 - before:
            low[g] += 1
        while high[g] < limit[g] and keys[high[g]] >> CELL_BITS < t0 + after:
            high[g] += 1
        order[n], first[n] = g, low[g]
        start[n + 1] = start[n] + high[g] - low[g]
    times, chambers = np.empty(t0s.size, np.int64), np.empty(t0s.size, np.uint8)
    hits = np.empty(start[-1], np.int32)
    at = begin[:-1].copy()
    for n in range(t0s.size):
        g = order[n]
        t0 = t0s[at[g]]
        at[g] += 1
        times[n], chambers[n] = t0 + t_first, groups[g]
        for i in range(start[n + 1] - start[n]):
            hits[start[n] + i] = keys[first[n] + i] - (t0 << CELL_BITS)
    return times, chambers, start, hits

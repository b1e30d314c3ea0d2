from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numba import njit
from numpy.typing import NDArray

from db.errors import TriggerError

Array = NDArray[Any]

WIRE_BITS = 10
CELL_BITS = WIRE_BITS + 2
FEW = 24
"""Hits that are sorted by insertion, the fastest way for so few."""


class ChamberHits(NamedTuple):
    """The hits of one chamber in order of time, then of layer and wire: arrays of one length."""

    row: int
    """Row of the frame that holds one of them."""
    t: Array
    layer: Array
    """0 .. 3, signed, so that differences are numbers too"""
    wire: Array
    x_mm: Array


def by_chamber(hits: pl.DataFrame) -> list[ChamberHits]:
    """Return the hits on wires for each chamber that has some, lowest number first.

    ``hits`` has t, chamber, layer (1 .. 4), wire (1 .. 1023; 0 is no wire, left out) and x_mm,
    which all hits of a wire share. Raises TriggerError for hits elsewhere, for empty values, and
    for hits that lie 2**51 ticks apart.
    """
    t = column(hits, "t", pl.Int64)
    t_first, t_last = (int(t.min()), int(t.max())) if t.size else (0, 0)
    if (t_last - t_first) >> (63 - CELL_BITS):
        raise TriggerError(f"hits from t = {t_first} to {t_last}: look at a shorter range at once")
    keys, start, row, x_mm, wrong = _sorted_keys(
        t,
        column(hits, "chamber", pl.UInt8),
        column(hits, "layer", pl.UInt8),
        column(hits, "wire", pl.UInt16),
        column(hits, "x_mm", pl.Float64),
        t_first,
        t_last,
    )
    if wrong >= 0:
        raise TriggerError(
            f"a hit lies in {hits.select('chamber', 'layer', 'wire').row(wrong, named=True)}:"
            f" layers go from 1 to 4 and wires to {(1 << WIRE_BITS) - 1}; mend the detector's"
            " columns, or give such hits wire 0"
        )
    found = []
    for c in range(row.size):
        key = keys[start[c] : start[c + 1]]
        cell = (key & ((1 << CELL_BITS) - 1)).astype(np.int16)
        layer, wire = (cell >> WIRE_BITS).astype(np.int8), cell & ((1 << WIRE_BITS) - 1)
        t_hit = (key >> CELL_BITS) + t_first
        found.append(ChamberHits(int(row[c]), t_hit, layer, wire, x_mm[c][cell]))
    return found


def column(frame: pl.DataFrame, name: str, dtype: type[pl.DataType]) -> Array:
    """Return a column as an array that can't be written to; TriggerError for empty values."""
    values = frame[name].cast(dtype).rechunk()
    if values.null_count():
        raise TriggerError(f"column {name} has {values.null_count()} empty values: drop such rows")
    array = values.to_numpy()
    array.flags.writeable = False  # always, so that Numba compiles for one type only
    return array


@njit(cache=True, nogil=True)
def _sorted_keys(
    t: Array, chamber: Array, layer: Array, wire: Array, x_mm: Array, t_first: int, t_last: int
) -> tuple[Array, Array, Array, Array, int]:
    # Sorted keys (time above layer above wire) chamber by chamber; where each chamber's start, a
    # row of each, x of its cells; and the row of a hit in no cell, if there is one. Streams are
    # nearly in order, so that hits are first put into buckets of time of a hit or two each.
    row_of = np.full(256, -1)
    n = 0
    for i in range(t.size):
        if wire[i]:
            row_of[chamber[i]] = i
            n += 1
            if not 1 <= layer[i] <= 4 or wire[i] >> WIRE_BITS:
                return t, row_of, row_of, np.zeros((0, 0)), i
    chambers = np.flatnonzero(row_of >= 0)
    rank = np.searchsorted(chambers, np.arange(256))
    shift = 0
    while ((t_last - t_first) >> shift) * chambers.size * 2 > n:
        shift += 1
    n_buckets = ((t_last - t_first) >> shift) + 1
    end = np.zeros(chambers.size * n_buckets + 1, np.int64)
    for i in range(t.size):
        if wire[i]:
            end[rank[chamber[i]] * n_buckets + ((t[i] - t_first) >> shift) + 1] += 1
    end = np.cumsum(end)
    start = end[::n_buckets].copy()
    keys = np.empty(n, np.int64)
    x_of = np.zeros((chambers.size, 1 << CELL_BITS))
    for i in range(t.size):
        if wire[i]:
            c, cell = rank[chamber[i]], (np.int64(layer[i]) - 1) << WIRE_BITS | wire[i]
            b = c * n_buckets + ((t[i] - t_first) >> shift)
            keys[end[b]] = (t[i] - t_first) << CELL_BITS | cell
            end[b] += 1
            x_of[c, cell] = x_mm[i]
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
    return keys, start, row_of[chambers], x_of, -1

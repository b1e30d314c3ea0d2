"""Hits sorted by chamber and time, for searches."""

from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from db.errors import TriggerError
from db.kernel import kernel
from software_triggers.library.time_order import time_order

Array = NDArray[Any]

WIRE_BITS = 10
CELL_BITS = WIRE_BITS + 2


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
    chamber = column(hits, "chamber", pl.UInt8)
    cell, row, x_of, wrong = _cells(
        chamber,
        column(hits, "layer", pl.UInt8),
        column(hits, "wire", pl.UInt16),
        column(hits, "x_mm", pl.Float64),
    )
    if wrong >= 0:
        raise TriggerError(
            f"a hit lies in {hits.select('chamber', 'layer', 'wire').row(wrong, named=True)}:"
            f" layers go from 1 to 4 and wires to {(1 << WIRE_BITS) - 1}; mend the detector's"
            " columns, or give such hits wire 0"
        )
    found = []
    chambers, start, keys = time_order(t, chamber, cell, CELL_BITS, t_first, t_last)
    for number, own in zip(chambers, np.split(keys, start[1:-1])[: len(chambers)], strict=True):
        cells = (own & ((1 << CELL_BITS) - 1)).astype(np.int16)
        layer, wire = (cells >> WIRE_BITS).astype(np.int8), cells & ((1 << WIRE_BITS) - 1)
        t_hit = (own >> CELL_BITS) + t_first
        found.append(ChamberHits(int(row[number]), t_hit, layer, wire, x_of[number][cells]))
    return found


def column(frame: pl.DataFrame, name: str, dtype: type[pl.DataType]) -> Array:
    """Return a column as an array that can't be written to; TriggerError for empty values."""
    values = frame[name].cast(dtype).rechunk()
    if values.null_count():
        raise TriggerError(f"column {name} has {values.null_count()} empty values: drop such rows")
    array = values.to_numpy()
    array.flags.writeable = False  # always, so that Numba compiles for one type only
    return array


@kernel()
def _cells(
    chamber: Array, layer: Array, wire: Array, x_mm: Array
) -> tuple[Array, Array, Array, int]:
    # Each hit's cell (layer above wire; negative for no wire), for each chamber the row of a hit
    # and the x of its cells, and the row of a hit in no cell, if there is one.
    cell, row = np.full(chamber.size, -1, np.int16), np.full(256, -1)
    for i in range(chamber.size):
        if wire[i]:
            row[chamber[i]] = i
            if not 1 <= layer[i] <= 4 or wire[i] >> WIRE_BITS:
                return cell, row, np.zeros((0, 0)), i
            cell[i] = (np.int16(layer[i]) - 1) << WIRE_BITS | wire[i]
    x_of = np.zeros((1 + np.flatnonzero(row >= 0).max() if (row >= 0).any() else 0, 1 << CELL_BITS))
    for i in range(chamber.size):
        if wire[i]:
            x_of[chamber[i], cell[i]] = x_mm[i]
    return cell, row, x_of, -1

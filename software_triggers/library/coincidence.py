"""Moments at which several chambers are hit: what ``docs/coincidence.sql`` asks, compiled."""

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from db.errors import TriggerError
from db.kernel import kernel
from software_triggers.library.chamber_hits import column
from software_triggers.library.time_order import time_order
from software_triggers.trigger import trigger

Array = NDArray[Any]

CHAMBER_BITS = 8


@trigger(reach="within + within", uses=("t", "chamber", "wire"), nulls=False, signed=False)
def coincidence(
    hits: pl.DataFrame, min_chambers: int = 3, within: int | str = "500 ns"
) -> pl.DataFrame:
    """At least min_chambers chambers hit within a time; one row where such a time begins.

    A hit at t counts those with times in [t, t + within], and begins a row when it finds enough
    chambers and no hit in the time before it did. Hits without a wire (0) are left out. Columns
    t, n_chambers and n_hits. Raises TriggerError for hits that lie 2**55 ticks apart.
    """
    assert isinstance(within, int)
    t = column(hits, "t", pl.Int64)
    t_first, t_last = (int(t.min()), int(t.max())) if t.size else (0, 0)
    if (t_last - t_first) >> (63 - CHAMBER_BITS):
        raise TriggerError(f"hits from t = {t_first} to {t_last}: look at a shorter range at once")
    chamber, wire = column(hits, "chamber", pl.UInt8), column(hits, "wire", pl.UInt16)
    on_wire = np.where(wire > 0, chamber.astype(np.int16), np.int16(-1))
    _, _, keys = time_order(t, np.zeros(t.size, np.uint8), on_wire, CHAMBER_BITS, t_first, t_last)
    begin, n_chambers, n_hits = _begins(keys, within, min_chambers)
    return pl.DataFrame({"t": begin + t_first, "n_chambers": n_chambers, "n_hits": n_hits})


@kernel()
def _begins(keys: Array, within: int, least: int) -> tuple[Array, Array, Array]:
    mask = (1 << CHAMBER_BITS) - 1
    counts = np.zeros(mask + 1, np.int64)
    times, chambers = np.empty(keys.size, np.int64), np.empty(keys.size, np.uint8)
    hits = np.empty(keys.size, np.uint64)
    n_found, n_chambers, low, high = 0, 0, 0, 0
    before = -within - 1
    while low < keys.size:
        t = keys[low] >> CHAMBER_BITS
        while high < keys.size and keys[high] >> CHAMBER_BITS <= t + within:
            counts[keys[high] & mask] += 1
            n_chambers += counts[keys[high] & mask] == 1
            high += 1
        if n_chambers >= least:
            if t - before > within:
                times[n_found], chambers[n_found] = t, min(n_chambers, 255)
                hits[n_found] = high - low
                n_found += 1
            before = t
        while low < keys.size and keys[low] >> CHAMBER_BITS == t:
            counts[keys[low] & mask] -= 1
            n_chambers -= counts[keys[low] & mask] == 0
            low += 1
    return times[:n_found], chambers[:n_found], hits[:n_found]

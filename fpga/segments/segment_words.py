"""The words in which a front-end tells of a segment: four, with heads as the detector has them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from db.detector import decode, encode
from db.detector.words import Words
from fpga.segments.chamber import Chamber, clock_steps

TIME, SLOPE, POSITION, QUALITY = 0, 4, 5, 1
"""Heads, in the order in which a segment's words are sent.

The first has the segment's time in the clock's fields. Of the others the lowest 32 bits are a
number with sign: ten times the slope in ticks of drift a layer; four times x at the chamber's
middle from its leftmost wire in ticks of drift; and as bits the quality: 0 to 2 its name, 3 to 7
the pattern, 8 to 23 the wires, from 0, of the four layers.
"""
HIGHQ, GHOST = 1, 4
"""Names of the quality: four hits; the same, and other sides fit as well. LOWQ, three hits, would
be 0: no such segments are made."""
PATTERN_BIT, WIRES_BIT, WIRE_BITS = 3, 8, 4


def channel_of(chamber: Chamber) -> dict[str, int]:
    """The fields of the chamber's lowest channel, which stand in its segments' words."""
    widths = {each.name: each.width for each in chamber.detector.fields}
    grid = np.indices([1 << widths[name] for name in ("fpga", "tdc_channel")]).reshape(2, -1)
    fields = {name: np.ones(grid.shape[1], np.int64) for name in widths}
    fields |= dict(zip(("fpga", "tdc_channel"), grid, strict=True))
    columns = decode(
        chamber.detector, encode(chamber.detector, fields), columns=("chamber", "wire")
    )
    first = np.flatnonzero((columns["chamber"] == chamber.number) & (columns["wire"] > 0))[0]
    return {"fpga": int(grid[0, first]), "tdc_channel": int(grid[1, first])}


def with_segments(chamber: Chamber, words: Words, segments: NDArray[Any]) -> Words:
    """The stream with four words behind each word that completed a segment."""
    detector, own = chamber.detector, channel_of(chamber)
    lowest, middle, highest = clock_steps(detector)
    per_middle = clock_steps(detector)[middle] // clock_steps(detector)[lowest]
    per_highest = clock_steps(detector)[highest] // clock_steps(detector)[middle]
    last = decode(detector, words[segments["at"]], columns=(lowest, middle, highest))
    low = last[lowest].astype(np.int64) - 1 + segments["t0"]
    mid = last[middle].astype(np.int64) + low // per_middle
    high = last[highest].astype(np.int64) + mid // per_highest
    clock = {
        lowest: low % per_middle + 1,
        middle: mid % per_highest,
        highest: high % (1 << 32),
    }
    quality = np.where(segments["ghost"], GHOST, 0) | HIGHQ
    quality |= segments["pattern"] << PATTERN_BIT
    for k in range(segments["wires"].shape[1]):
        quality |= segments["wires"][:, k] << WIRES_BIT + WIRE_BITS * k
    numbers = {SLOPE: segments["slope10"], POSITION: segments["x4"], QUALITY: quality}
    nothing = dict.fromkeys((lowest, middle, highest), np.zeros(len(segments), np.int64))
    made = []
    for head in (TIME, SLOPE, POSITION, QUALITY):
        marks = {
            name: np.full(len(segments), value) for name, value in (own | {"head": head}).items()
        }
        word = encode(detector, marks | (clock if head == TIME else nothing))
        made.append(word | (numbers.get(head, clock[highest] * 0) % (1 << 32)).astype(np.uint64))
    return np.insert(words, np.repeat(segments["at"] + 1, 4), np.stack(made, axis=1).reshape(-1))

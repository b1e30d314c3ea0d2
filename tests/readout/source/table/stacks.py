"""Stacks of images, and the hits in them by hand."""

import h5py
import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from db.detector import decode, loads

DECLARED = """
name = "pixels"
title = "An area detector"

[table]
%s

[table.values]
x = { column = "x", type = "uint12" }
y = { column = "y", type = "uint12" }
counts = { column = "value", type = "int32" }
frame = { column = "frame", type = "uint24" }
"""


def pixels(time='{ frame = "1 ms" }', threshold="3", more=""):
    return loads(DECLARED % f"time = {time}\nthreshold = {threshold}\n{more}")


def hits_of(blocks, detector):
    """(t, frame, x, y, counts) of each hit, and (a, b, n) of what was left out."""
    hits, left_out = [], []
    for block in blocks:
        names = ("t", "frame", "x", "y", "counts")
        columns = decode(detector, block.words, columns=list(names))
        hits += zip(*(columns[name].tolist() for name in names), strict=True)
        if (dark := block.suppressed) is not None:
            left_out.append((dark.a, dark.b, dark.n_hits))
    return hits, left_out


def by_hand(stack, times, level):
    """The same, pixel by pixel."""
    hits, n_dark = [], 0
    for number, frame in enumerate(stack.tolist()):
        for y, row in enumerate(frame):
            for x, value in enumerate(row):
                if value > level[y][x]:
                    hits.append((times[number], number, x, y, value))
                elif value != 0:
                    n_dark += 1
    return hits, n_dark


def write_hdf5(path, stack, **how):
    with h5py.File(path, "w") as out:
        out.create_dataset("entry/data/data", data=stack, **how)
        out["entry/data/stamps"] = np.arange(len(stack)) * 0.25 + 7
        out["entry/temperature"] = 293.0
        out["entry/mask"] = np.full(stack.shape[1:], 3)


SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 5), st.integers(1, 6))
KINDS = st.sampled_from([np.uint8, np.uint16, np.int32, ">u2", "<i2", np.float32])


@st.composite
def stacks(draw):
    """Frames of which most pixels are dark."""
    kind = np.dtype(draw(KINDS))
    low = 0 if kind.kind == "u" else -4
    values = st.integers(low, 9).map(lambda n: n if n < 7 else 100 + n)
    return draw(arrays.arrays(kind, draw(SHAPES), elements=values, fill=st.just(0)))

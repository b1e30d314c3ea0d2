"""Where a detector's channels lie, found out by decoding a word of each."""

from functools import lru_cache

import numpy as np
import polars as pl

from db.detector.decode import decode
from db.detector.detector import Detector
from db.detector.encode import encode
from db.selection import names

MOST_BITS = 20
NOWHERE = 255
"""What declarations give as the view of a channel that lies nowhere."""


@lru_cache(maxsize=16)
def elements(detector: Detector) -> pl.DataFrame:
    """Return a row for each channel that lies somewhere: what ``rates`` call it, and its place.

    Columns: channel, and those by which the declaration's shape names an element, its position and
    its view. Empty where there is no shape, or too many channels to go through.
    """
    shape = detector.shape
    if shape is None:
        return pl.DataFrame(schema={"channel": pl.UInt64})
    view = (shape.view,) if shape.view else ()
    columns = ("channel", *shape.element, *shape.position_mm, *view)
    width = {field.name: field.width for field in detector.fields}
    used = [f for f in width if any(f in names(detector.nodes[column]) for column in columns)]
    if sum(width[name] for name in used) > MOST_BITS:
        return pl.DataFrame(schema=dict.fromkeys(columns, pl.UInt64))
    grid = np.indices([2 ** width[name] for name in used]).reshape(len(used), -1)
    fields = dict.fromkeys(width, np.zeros(grid.shape[1], np.int64))
    words = encode(detector, fields | dict(zip(used, grid, strict=True)))
    made = pl.DataFrame(decode(detector, words, columns=dict.fromkeys(columns)))
    somewhere = [pl.col(name) != NOWHERE for name in view]
    return made.filter(*somewhere).unique().sort(shape.element)

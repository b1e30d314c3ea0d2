"""Where a detector's channels lie, found out by decoding a word of each."""

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
import polars as pl

from db.detector.decode import decode
from db.detector.detector import Detector
from db.detector.encode import encode
from db.selection import Node, names
from db.selection.tree import Column, Find

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
    nodes = [detector.nodes[column] for column in columns]
    read = frozenset().union(*map(names, nodes))
    known = _looked_for(nodes)
    values = {
        field.name: known.get(field.name, range(2**field.width))
        for field in detector.fields
        if field.name in read
    }
    if math.prod(map(len, values.values())) > 2**MOST_BITS:
        return pl.DataFrame(schema=dict.fromkeys(columns, pl.UInt64))
    grid = np.meshgrid(*(np.array(each, np.int64) for each in values.values()), indexing="ij")
    n = math.prod(map(len, values.values()))
    fields = {field.name: np.zeros(n, np.int64) for field in detector.fields}
    words = encode(
        detector, fields | {f: each.ravel() for f, each in zip(values, grid, strict=True)}
    )
    made = pl.DataFrame(decode(detector, words, columns=dict.fromkeys(columns)))
    somewhere = [pl.col(name) != NOWHERE for name in view]
    return made.filter(*somewhere).unique().sort(shape.element)


def _looked_for(nodes: Iterable[Node]) -> dict[str, Sequence[int]]:
    """Return the tables in which fields are looked for: what isn't in them lies nowhere."""
    found = dict[str, Sequence[int]]()
    for node in nodes:
        if isinstance(node, Find) and isinstance(node.part, Column):
            found[node.part.name] = node.table
        found |= _looked_for(node.children())
    return found

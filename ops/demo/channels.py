"""Names for groups of channels, for people who watch rates."""

import numpy as np

from db.detector import Detector, decode, encode
from db.selection import names


def groups_of_channels(detector: Detector) -> dict[int, str]:
    """Return the name of the group that each channel of a detector's rates belongs to.

    The group is the first of the columns that name an element in the declaration's shape: the
    chamber of a wire. Found by decoding a hit of every kind that the channel depends on; empty
    where the declaration has no such column, or too many channels to go through.
    """
    if detector.shape is None:
        return {}
    column = detector.shape.element[0]
    fields = {field.name: field for field in detector.fields}
    needed = sorted(set(_names(detector, "channel")) | set(_names(detector, column)))
    sizes = [2 ** fields[name].width for name in needed]
    if not needed or np.prod(sizes, dtype=float) > 1 << 20:
        return {}
    grid = np.meshgrid(*(np.arange(size) for size in sizes), indexing="ij")
    values = {name: each.ravel() for name, each in zip(needed, grid, strict=True)}
    n = len(next(iter(values.values())))
    known = {name: values.get(name, np.zeros(n, np.int64)) for name in fields}
    made = decode(detector, encode(detector, known), 0, ["channel", column])
    return {
        int(channel): f"{column} {group}"
        for channel, group in zip(made["channel"], made[column], strict=True)
    }


def _names(detector: Detector, column: str) -> frozenset[str]:

    return names(detector.nodes[column]) & {field.name for field in detector.fields}

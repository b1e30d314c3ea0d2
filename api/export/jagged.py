"""Columns of a batch as NumPy arrays: flat ones, and lists as values with offsets."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Column:
    """A column of a batch. Of lists, ``values`` are those of all rows, one after the other."""

    values: NDArray[Any]
    valid: NDArray[np.bool_]
    """Which values are there; where one is null, ``values`` has 0, false or an empty text."""
    offsets: NDArray[np.int64] | None = None
    """Row n's values are values[offsets[n]:offsets[n + 1]]; None where a row has one value."""


def column(array: pa.Array) -> Column:
    """Return a column of a batch, strings as objects."""
    if pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
        offsets = np.asarray(array.offsets, np.int64)
        flat = array.flatten()
        return Column(_numpy(flat), _numpy(flat.is_valid()), offsets - offsets[0])
    return Column(_numpy(array), _numpy(array.is_valid()))


def _numpy(array: pa.Array) -> NDArray[Any]:
    if array.null_count:
        kind = array.type
        zero = False if pa.types.is_boolean(kind) else 0
        text = not (pa.types.is_primitive(kind) or pa.types.is_boolean(kind))
        array = array.fill_null(pa.scalar("" if text else zero, kind))
    return np.asarray(array.to_numpy(zero_copy_only=False))

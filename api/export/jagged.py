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
    offsets: NDArray[np.int64] | None = None
    """Row n's values are values[offsets[n]:offsets[n + 1]]; None where a row has one value."""


def column(array: pa.Array) -> Column:
    """Return a column of a batch, strings as objects."""
    if pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
        offsets = np.asarray(array.offsets, np.int64)
        return Column(_numpy(array.flatten()), offsets - offsets[0])
    return Column(_numpy(array))


def _numpy(array: pa.Array) -> NDArray[Any]:
    return np.asarray(array.to_numpy(zero_copy_only=False))

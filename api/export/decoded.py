"""The hits of events, decoded: for each of a word's lists, lists of what the word means."""

import numpy as np
import pyarrow as pa

from db.detector import Detector, decode
from db.errors import UsageError

_NEEDED = ("word_t", "raw")


def with_decoded(detector: Detector, table: pa.Table) -> pa.Table:
    """Return events with a list column ``word_<column>`` for each column of the detector.

    ``word_hit`` tells sound hits from other words. Raises UsageError for rows that keep no words.
    """
    if missing := [name for name in _NEEDED if name not in table.column_names]:
        raise UsageError(f"these rows keep no words to decode: they have no column {missing[0]}")
    table = table.combine_chunks()
    times, raw = (_list(table[name]) for name in _NEEDED)
    t = np.asarray(times.flatten(), np.int64)
    words = np.asarray(raw.flatten(), np.uint64)
    epoch = t - decode(detector, words, 0, ["t"])["t"]
    columns = decode(detector, words, epoch, [*detector.column_names, "hit", "corrupt"])
    columns["hit"] &= ~columns.pop("corrupt")
    offsets = pa.array(np.asarray(times.offsets, np.int64) - times.offsets[0].as_py())
    for name, values in columns.items():
        lists = pa.LargeListArray.from_arrays(offsets, pa.array(values))
        table = table.append_column(f"word_{name}", lists)
    return table


def _list(column: pa.ChunkedArray) -> pa.Array:
    if column.num_chunks == 0:
        return pa.array([], column.type)
    return column.chunk(0)

"""HDF5: a group of columns that grow; lists are kept as values with offsets."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from api.export.extra import needs_extra
from api.export.jagged import column
from api.export.names import free_name
from api.export.rows import Rows
from api.export.spooled import check_room, pieces_of, spool

_CHUNK = 1 << 16


def hdf5(rows: Rows) -> Iterator[bytes]:
    """Yield an HDF5 file. It can't be streamed while it grows: it is written beside, then sent.

    Dataset ``<name>/<column>`` has a value for each row. A column of lists has all rows' values
    there, and in ``<name>/<column>.offsets``, one longer than there are rows, where each begins.
    Where values may be null, ``<name>/<column>.valid`` has false for those that are. Underscores
    follow where a column has such a name already, and stand for what HDF5 has in no name: the
    attribute ``column`` has the column's own.
    """
    with needs_extra("HDF5"):
        import h5py

    with spool(rows, ".h5") as path:
        with h5py.File(path, "w", libver="latest") as h5:
            group = h5.create_group(rows.name)
            group.attrs.update(rows.told)
            taken = {*rows.schema.names, "."}
            columns = {
                field.name: _Datasets(h5py, group, field, field.name in rows.nullable, taken)
                for field in rows.schema
            }
            for batch in rows.batches:
                for name, array in zip(batch.schema.names, batch.columns, strict=True):
                    columns[name].append(array)
                check_room(path)
                yield b""  # others may have a turn
        yield from pieces_of(path)


class _Datasets:
    """The datasets of one column, which grow together."""

    def __init__(
        self, h5py: Any, group: Any, field: pa.Field, nullable: bool, taken: set[str]
    ) -> None:
        jagged = pa.types.is_list(field.type) or pa.types.is_large_list(field.type)
        of = field.type.value_type if jagged else field.type
        text = pa.types.is_string(of) or pa.types.is_large_string(of) or pa.types.is_string_view(of)
        kind = h5py.string_dtype() if text or pa.types.is_binary(of) else of.to_pandas_dtype()
        plain = field.name.replace("/", "_").replace("\0", "_")
        name = field.name if plain == field.name != "." else free_name(plain, taken)
        self._values = group.create_dataset(name, (0,), kind, **_growing(not text))
        self._values.attrs["column"] = field.name
        self._valid = self._offsets = None
        if nullable:
            beside = free_name(f"{name}.valid", taken)
            self._valid = group.create_dataset(beside, (0,), bool, **_growing(True))
        if jagged:
            beside = free_name(f"{name}.offsets", taken)
            self._offsets = group.create_dataset(beside, (1,), np.int64, **_growing(True))
            self._offsets[0] = 0

    def append(self, array: pa.Array) -> None:
        """Append a batch's values."""
        part = column(array)
        before = len(self._values)
        _extend(self._values, part.values)
        if self._valid is not None:
            _extend(self._valid, part.valid)
        if self._offsets is not None and part.offsets is not None:
            _extend(self._offsets, part.offsets[1:] + before)


def _growing(shuffle: bool) -> dict[str, Any]:
    return {"maxshape": (None,), "chunks": (_CHUNK,), "compression": "lzf", "shuffle": shuffle}


def _extend(data: Any, values: Any) -> None:
    before = len(data)
    data.resize((before + len(values),))
    data[before:] = values

"""HDF5: a group of columns that grow; lists are kept as values with offsets."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from api.export.extra import needs_extra
from api.export.jagged import column
from api.export.rows import Rows
from api.export.spooled import check_room, pieces_of, spool

_CHUNK = 1 << 16


def hdf5(rows: Rows) -> Iterator[bytes]:
    """Yield an HDF5 file. It can't be streamed while it grows: it is written beside, then sent.

    Dataset ``<name>/<column>`` has a value for each row. A column of lists has all rows' values
    there, and in ``<name>/<column>.offsets``, one longer than there are rows, where each begins.
    Where values may be null, ``<name>/<column>.valid`` has false for those that are.
    """
    with needs_extra("HDF5"):
        import h5py

    with spool(rows, ".h5") as path:
        with h5py.File(path, "w", libver="latest") as h5:
            group = h5.create_group(rows.name)
            group.attrs.update(rows.told)
            for field in rows.schema:
                _create(h5py, group, field)
                if field.name in rows.nullable:
                    group.create_dataset(f"{field.name}.valid", (0,), bool, **_growing(True))
            for batch in rows.batches:
                for name, array in zip(batch.schema.names, batch.columns, strict=True):
                    _append(group, name, array)
                check_room(path)
                yield b""  # others may have a turn
        yield from pieces_of(path)


def _create(h5py: Any, group: Any, field: pa.Field) -> None:
    jagged = pa.types.is_list(field.type) or pa.types.is_large_list(field.type)
    of = field.type.value_type if jagged else field.type
    text = pa.types.is_string(of) or pa.types.is_large_string(of) or pa.types.is_string_view(of)
    kind = h5py.string_dtype() if text or pa.types.is_binary(of) else of.to_pandas_dtype()
    how = _growing(not text)
    group.create_dataset(field.name, (0,), kind, **how)
    if jagged:
        offsets = group.create_dataset(f"{field.name}.offsets", (1,), np.int64, **how)
        offsets[0] = 0


def _growing(shuffle: bool) -> dict[str, Any]:
    return {"maxshape": (None,), "chunks": (_CHUNK,), "compression": "lzf", "shuffle": shuffle}


def _append(group: Any, name: str, array: pa.Array) -> None:
    part = column(array)
    data = group[name]
    before = len(data)
    data.resize((before + len(part.values),))
    data[before:] = part.values
    if f"{name}.valid" in group:
        valid = group[f"{name}.valid"]
        valid.resize((before + len(part.values),))
        valid[before:] = part.valid
    if part.offsets is not None:
        offsets = group[f"{name}.offsets"]
        n = len(offsets)
        offsets.resize((n + len(array),))
        offsets[n:] = part.offsets[1:] + before

"""A part as bytes and back: every field of its chunks as an Arrow column, gaps as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from itertools import pairwise

import numpy as np
import pyarrow as pa

from db.words.chunk import Chunk
from db.words.gaps import Gap
from readout.writer.batch import Part

_FIELDS = [field.name for field in fields(Chunk) if field.name != "places"]


def part_bytes(part: Part) -> bytes | memoryview:
    """The part as one Arrow stream: a row for each chunk, or no row and the gaps beside it."""
    table = pa.table({name: _column(part.chunks, name) for name in _FIELDS if part.chunks})
    gaps = json.dumps([asdict(gap) for gap in part.gaps])
    sink = pa.BufferOutputStream()
    schema = table.schema.with_metadata({"gaps": gaps})
    with pa.ipc.new_stream(sink, schema) as stream:
        stream.write_table(table.cast(schema))
    return memoryview(sink.getvalue())


def bytes_part(data: memoryview) -> Part:
    """The part again; its words are views of ``data``. Raises ValueError for other columns."""
    table = pa.ipc.open_stream(pa.py_buffer(data)).read_all()
    gaps = [Gap(**gap) for gap in json.loads(table.schema.metadata[b"gaps"])]
    if not table.num_columns:
        return Part(gaps=gaps)
    names = table.column_names
    if names not in (_FIELDS, _FIELDS[:-1]):  # older files tell of no suspect words
        raise ValueError(f"its chunks have the columns {', '.join(names)}")
    columns = [_values(table[name].combine_chunks()) for name in names]
    return Part([Chunk(*row) for row in zip(*columns, strict=True)], gaps)


def _column(chunks: Sequence[Chunk], name: str) -> pa.Array:
    values = [getattr(chunk, name) for chunk in chunks]
    if not isinstance(values[0], np.ndarray):
        return pa.array(values)
    offsets = np.cumsum([0, *map(len, values)], dtype=np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(np.concatenate(values)))


def _values(column: pa.Array) -> list[object]:
    if isinstance(column, pa.ChunkedArray):
        column = column.chunk(0)
    if not isinstance(column, pa.ListArray):
        return list(column.to_pylist())
    whole = column.values.to_numpy(zero_copy_only=True)
    offsets = column.offsets.to_numpy()
    return [whole[a:b] for a, b in pairwise(offsets)]

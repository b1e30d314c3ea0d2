"""Writes Arrow arrays as the engine's native columns; the server casts to the table's types."""

import pyarrow as pa
import pyarrow.compute as pc

from db.engine.native.types import FIXED, UNITS
from db.engine.native.wire import Sink
from db.errors import StoreError

_DIGITS = {unit: digits for digits, unit in UNITS.items()}
_NAMES = {str(shape): name for name, shape in reversed(FIXED.items())}


def native_type(values: pa.Array) -> str:
    """Return the engine's type for an Arrow array; StoreError for one that is not written."""
    if values.null_count and not pa.types.is_null(values.type):
        return f"Nullable({_native(values)})"
    return _native(values)


def write_column(values: pa.Array, sink: Sink) -> None:
    """Write an array that was made plain (see ``plain``) in the form of its ``native_type``."""
    n, shape = len(values), values.type
    if values.null_count and not pa.types.is_null(shape):
        sink.write(values.is_null().cast(pa.uint8()).to_numpy().tobytes())
        values = values.fill_null(False if pa.types.is_boolean(shape) else _zero(shape))
    if pa.types.is_list(shape) or pa.types.is_map(shape):
        offsets = values.offsets.to_numpy()
        sink.write((offsets[1:] - offsets[0]).astype("<u8").tobytes())
        a, b = int(offsets[0]), int(offsets[-1])
        inner = [values.keys, values.items] if pa.types.is_map(shape) else [values.values]
        for each in inner:
            write_column(each.slice(a, b - a), sink)
    elif pa.types.is_string(shape) or pa.types.is_binary(shape):
        sink.write_strings(values.cast(pa.binary()).to_pylist())
    elif pa.types.is_boolean(shape):
        sink.write(values.cast(pa.uint8()).to_numpy().tobytes())
    elif pa.types.is_null(shape):
        sink.write(b"\1" * n + b"0" * n)
    else:
        width = shape.bit_width // 8
        sink.write(values.buffers()[1].slice(values.offset * width, n * width))


def plain(values: pa.ChunkedArray) -> pa.Array:
    """Return a column as one array of the types that are written: no views, no dictionaries."""
    shape = _plain_type(values.type)
    whole = values if values.type == shape else values.cast(shape)
    if whole.num_chunks == 1:  # joining copies even one
        return whole.chunk(0)
    return pa.concat_arrays(whole.chunks) if whole.num_chunks else pa.array([], shape)


def _plain_type(shape: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(shape):
        return _plain_type(shape.value_type)
    if pa.types.is_large_string(shape) or pa.types.is_string_view(shape):
        return pa.string()
    if pa.types.is_large_binary(shape) or pa.types.is_binary_view(shape):
        return pa.binary()
    if pa.types.is_list(shape) or pa.types.is_large_list(shape):
        return pa.list_(_plain_type(shape.value_type))
    return shape


def _native(values: pa.Array) -> str:
    shape = values.type
    if (name := _NAMES.get(str(shape))) and not pa.types.is_fixed_size_binary(shape):
        return name
    if pa.types.is_boolean(shape):
        return "Bool"
    if pa.types.is_string(shape) or pa.types.is_binary(shape):
        return "String"
    if pa.types.is_fixed_size_binary(shape):
        return f"FixedString({shape.byte_width})"
    if pa.types.is_timestamp(shape):
        return f"DateTime64({_DIGITS[shape.unit]}, '{shape.tz or 'UTC'}')"
    if pa.types.is_list(shape):
        return f"Array({native_type(values.flatten())})"
    if pa.types.is_map(shape):
        return f"Map({native_type(values.keys)}, {native_type(values.items)})"
    if pa.types.is_null(shape):
        return "Nullable(Nothing)"
    raise StoreError(f"a column of Arrow type {shape} can't be stored")


def _zero(shape: pa.DataType) -> pa.Scalar:
    if pa.types.is_string(shape) or pa.types.is_binary(shape):
        return pa.scalar("" if pa.types.is_string(shape) else b"", shape)
    if pa.types.is_fixed_size_binary(shape):
        return pa.scalar(bytes(shape.byte_width), shape)
    return (
        pc.cast(pa.scalar(0, pa.int64()), shape) if shape.bit_width == 64 else pa.scalar(0, shape)
    )

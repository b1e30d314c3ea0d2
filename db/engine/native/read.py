"""Reads the engine's native columns into Arrow arrays, without an object for each value."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from db.engine.native.types import (
    FIXED,
    ColumnType,
    arrow_field,
    arrow_type,
    parse_type,
    unit_digits,
)
from db.engine.native.wire import Source
from db.errors import StoreError


def read_column(kind: ColumnType, n: int, source: Source, *, custom: bool) -> pa.Array:
    """Return the next column of n > 0 rows; ``custom`` says that how it is laid out comes first."""
    layout = _read_layout(kind, source) if custom else _DENSE
    _read_prefix(kind, source)
    return _read(kind, n, source, layout)


@dataclass(frozen=True)
class _Layout:
    """Whether only values that are not the default come, for a column or a tuple's members."""

    sparse: bool = False
    members: tuple["_Layout", ...] = ()


_DENSE = _Layout()


def _read_layout(kind: ColumnType, source: Source) -> _Layout:
    code = source.read(1)[0]
    if code > 1:
        raise StoreError(f"the server sends a {kind.name} in a layout ({code}) unknown here")
    members = kind.members if kind.name == "Tuple" else ()
    return _Layout(code == 1, tuple(_read_layout(each, source) for _, each in members))


def _read_prefix(kind: ColumnType, source: Source) -> None:
    """Skip what stands before the data of a column: the version of each dictionary in it."""
    if kind.name == "LowCardinality":
        source.read(8)
    elif kind.name in ("Array", "Nullable"):
        _read_prefix(kind.inner, source)
    elif kind.name == "Map":
        for arg in kind.args:
            _read_prefix(parse_type(arg), source)
    elif kind.name == "Tuple":
        for _, member in kind.members:
            _read_prefix(member, source)


def _read(kind: ColumnType, n: int, source: Source, layout: _Layout = _DENSE) -> pa.Array:
    if layout.sparse:
        return _read_sparse(kind, n, source)
    shape = arrow_type(kind)
    if kind.name in FIXED or kind.name == "FixedString":
        return _array(shape, n, source.read(n * (shape.bit_width // 8)))
    if kind.name == "String":
        offsets, data = source.read_strings_arrow(n)
        return pa.Array.from_buffers(shape, n, [None, _offsets(offsets), pa.py_buffer(data)])
    if kind.name == "Bool":
        flags = np.frombuffer(source.read(n), np.uint8)
        return _array(shape, n, np.packbits(flags, bitorder="little"))
    if kind.name == "Date":
        return _array(shape, n, np.frombuffer(source.read(2 * n), "<u2").astype(np.int32))
    if kind.name == "DateTime64":
        ticks = np.frombuffer(source.read(8 * n), "<i8")
        return _array(shape, n, ticks * 10 ** (unit_digits(kind) - int(kind.args[0])))
    if kind.name == "Decimal":
        return _array(shape, n, _widened(int(kind.args[0]), n, source))
    if kind.name == "UUID":
        halves = np.frombuffer(source.read(16 * n), "<u8").byteswap()
        return pa.ExtensionArray.from_storage(shape, _array(pa.binary(16), n, halves))
    if kind.name == "Nothing":
        source.read(n)
        return pa.nulls(n)
    if kind.name == "Nullable":
        return _read_nullable(kind, n, source)
    if kind.name == "LowCardinality":
        return _read_low_cardinality(kind, n, source)
    if kind.name == "Tuple":
        fields = [arrow_field(name, member) for name, member in kind.members]
        layouts = layout.members or (_DENSE,) * len(fields)
        parts = [
            _read(member, n, source, of_member)
            for (_, member), of_member in zip(kind.members, layouts, strict=True)
        ]
        return pa.StructArray.from_arrays(parts, fields=fields)
    return _read_lists(kind, n, source)


def _read_lists(kind: ColumnType, n: int, source: Source) -> pa.Array:
    ends = np.frombuffer(source.read(8 * n), "<u8")
    offsets = np.zeros(n + 1, np.int32)
    offsets[1:] = ends
    total = int(ends[-1]) if n else 0
    if total >= 2**31:
        raise StoreError("a block of the result has lists of 2^31 elements: ask for less at once")
    parts = [_read(parse_type(arg), total, source) for arg in kind.args]
    if kind.name == "Map":
        return pa.MapArray.from_arrays(offsets, *parts, type=arrow_type(kind))
    return pa.ListArray.from_arrays(pa.array(offsets), parts[0], type=arrow_type(kind))


def _read_nullable(kind: ColumnType, n: int, source: Source) -> pa.Array:
    nulls = np.frombuffer(source.read(n), np.uint8)
    return _masked(_read(kind.inner, n, source), nulls)


def _masked(values: pa.Array, nulls: np.ndarray) -> pa.Array:
    if pa.types.is_null(values.type):
        return values
    if isinstance(values, pa.ExtensionArray):
        return pa.ExtensionArray.from_storage(values.type, _masked(values.storage, nulls))
    if isinstance(values, pa.StructArray):
        parts = [values.field(k) for k in range(values.type.num_fields)]
        return pa.StructArray.from_arrays(parts, fields=list(values.type), mask=pa.array(nulls > 0))
    valid = pa.py_buffer(np.packbits(nulls == 0, bitorder="little"))
    return pa.Array.from_buffers(values.type, len(values), [valid, *values.buffers()[1:]])


def _read_low_cardinality(kind: ColumnType, n: int, source: Source) -> pa.Array:
    """Return plain values, as chDB does: indices of one, two, four or eight bytes into keys."""
    if n == 0:
        return _read(_bare(kind.inner), 0, source)
    width = 1 << (source.read(8)[0] & 0xF)
    keys = _read(_bare(kind.inner), _number(source), source)
    indices = np.frombuffer(source.read(_number(source) * width), f"<u{width}")
    taken = keys.take(pa.array(indices))
    return _masked(taken, indices == 0) if kind.inner.name == "Nullable" else taken


def _bare(kind: ColumnType) -> ColumnType:
    return kind.inner if kind.name == "Nullable" else kind


def _read_sparse(kind: ColumnType, n: int, source: Source) -> pa.Array:
    """Return a column of which only the values that are not the default came."""
    end = 1 << 62
    places: list[int] = []
    row = 0
    while not (skip := _varint(source)) & end:
        row += skip
        places.append(row)
        row += 1
    values = pa.concat_arrays([_read(kind, 1, _Zeros()), _read(kind, len(places), source)])
    which = np.zeros(n, np.int64)
    which[places] = np.arange(1, len(places) + 1)
    return values.take(pa.array(which))


class _Zeros(Source):
    """A source of default values."""

    def __init__(self) -> None:
        self.read_strings_arrow = lambda n: (bytes(8 * (n + 1)), b"")

    def read(self, n: int) -> bytes:
        return bytes(n)


def _array(shape: pa.DataType, n: int, data: bytes | np.ndarray) -> pa.Array:
    return pa.Array.from_buffers(shape, n, [None, pa.py_buffer(data)])


def _offsets(data: bytes) -> pa.Buffer:
    wide = np.frombuffer(data, "<i8")
    if wide[-1] >= 2**31:
        raise StoreError("a block of the result has 2 GB of text: ask for less at once")
    return pa.py_buffer(wide.astype(np.int32))


def _widened(precision: int, n: int, source: Source) -> np.ndarray:
    """Return decimals as 128 bit, sign extended."""
    size = 4 if precision <= 9 else 8 if precision <= 18 else 16
    if size == 16:
        return np.frombuffer(source.read(16 * n), "<i8")
    low = np.frombuffer(source.read(size * n), f"<i{size}").astype(np.int64)
    return np.stack([low, low >> 63], axis=1)


def _number(source: Source) -> int:
    return int.from_bytes(source.read(8), "little")


def _varint(source: Source) -> int:
    value = shift = 0
    while (byte := source.read(1)[0]) & 0x80:
        value |= (byte & 0x7F) << shift
        shift += 7
    return int(value | byte << shift)

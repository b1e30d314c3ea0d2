"""The engine's types and the Arrow types that stand for them, as chDB's Arrow output has them."""

import re
from dataclasses import dataclass
from functools import lru_cache

import pyarrow as pa

from db.errors import StoreError


@dataclass(frozen=True)
class ColumnType:
    """A type as the engine writes it, taken apart: ``Array(UInt8)`` is name and arguments."""

    name: str
    args: tuple[str, ...] = ()

    @property
    def inner(self) -> "ColumnType":
        """The type inside ``Nullable``, ``LowCardinality`` or ``Array``."""
        return parse_type(self.args[0])

    @property
    def members(self) -> list[tuple[str, "ColumnType"]]:
        """Name and type of each element of a tuple; without names they are counted from 1."""
        named = [_MEMBER.match(arg) for arg in self.args]
        return [
            (m[1].strip("`"), parse_type(m[2])) if m else (str(k), parse_type(arg))
            for k, (m, arg) in enumerate(zip(named, self.args, strict=True), 1)
        ]


_MEMBER = re.compile(r"(`[^`]+`|\w+)\s+(.+)", re.DOTALL)
_CALL = re.compile(r"(\w+)(?:\((.*)\))?", re.DOTALL)
_PIECE = re.compile(r"'(?:[^'\\]|\\.)*'|`[^`]*`|[(),]|[^'`(),]+")

FIXED = {
    **{f"{sign}Int{bits}": getattr(pa, f"{sign.lower()}int{bits}")()
       for sign in ("", "U") for bits in (8, 16, 32, 64)},
    "Float32": pa.float32(),
    "Float64": pa.float64(),
    "Date32": pa.date32(),
    "DateTime": pa.uint32(),
    "Enum8": pa.int8(),
    "Enum16": pa.int16(),
    "IPv4": pa.uint32(),
    "IPv6": pa.binary(16),
    "Int128": pa.binary(16),
    "UInt128": pa.binary(16),
    "Int256": pa.binary(32),
    "UInt256": pa.binary(32),
}  # fmt: skip
"""Types whose bytes are the same here and there."""

_OTHER = {
    "Bool": pa.bool_(),
    "String": pa.string(),
    "Date": pa.date32(),
    "UUID": pa.uuid(),
    "Nothing": pa.null(),
}
UNITS = {0: "s", 3: "ms", 6: "us", 9: "ns"}


@lru_cache(maxsize=1024)
def parse_type(text: str) -> ColumnType:
    """Return a type taken apart; raises StoreError for what is no type."""
    found = _CALL.fullmatch(text.strip())
    if found is None:
        raise StoreError(f"can't understand the engine's type {text!r}")
    return ColumnType(found[1], tuple(_pieces(found[2])) if found[2] else ())


@lru_cache(maxsize=1024)
def arrow_type(kind: ColumnType) -> pa.DataType:
    """Return the Arrow type of a column's type; StoreError for one that has none here."""
    if kind.name in FIXED:
        return FIXED[kind.name]
    if kind.name in _OTHER:
        return _OTHER[kind.name]
    if kind.name == "FixedString":
        return pa.binary(int(kind.args[0]))
    if kind.name == "DateTime64":
        return pa.timestamp(UNITS[unit_digits(kind)], _zone(kind))
    if kind.name == "Decimal" and int(kind.args[0]) <= 38:
        return pa.decimal128(*map(int, kind.args))
    if kind.name in ("Nullable", "LowCardinality"):
        return arrow_type(kind.inner)
    if kind.name == "Array":
        return pa.list_(arrow_field("item", kind.inner))
    if kind.name == "Map":
        key, value = map(parse_type, kind.args)
        return pa.map_(arrow_type(key), arrow_field("value", value))
    if kind.name == "Tuple":
        return pa.struct([arrow_field(name, member) for name, member in kind.members])
    raise StoreError(
        f"a result with a column of type {kind.name} can't be read: convert it in the query,"
        " as with toString"
    )


def arrow_field(name: str, kind: ColumnType) -> pa.Field:
    """Return the Arrow field of a column, nullable as the column is."""
    bare = kind.inner if kind.name == "LowCardinality" else kind
    return pa.field(name, arrow_type(kind), nullable=bare.name in ("Nullable", "Nothing"))


def unit_digits(kind: ColumnType) -> int:
    """Return the decimal digits of a second in Arrow's unit for a ``DateTime64``."""
    return next(digits for digits in UNITS if digits >= int(kind.args[0]))


def _zone(kind: ColumnType) -> str:
    return kind.args[1].strip("'") if len(kind.args) > 1 else "Etc/UTC"


def _pieces(text: str) -> list[str]:
    """Cut arguments at their commas, those inside parentheses and quotes left alone."""
    out, depth = [""], 0
    for piece in _PIECE.findall(text):
        depth += (piece == "(") - (piece == ")")
        if piece == "," and not depth:
            out.append("")
        else:
            out[-1] += piece
    return [each.strip() for each in out]

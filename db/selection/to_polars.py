"""A selection as a Polars expression."""

import operator
from collections.abc import Callable
from functools import reduce
from typing import Any

import polars as pl

from db.selection.tree import (
    INT64_MAX,
    Absolute,
    Binary,
    Choose,
    Column,
    Compare,
    Find,
    Literal,
    Logic,
    Lookup,
    Member,
    Node,
    Not,
    Real,
)

TYPE = {"int": pl.Int64(), "float": pl.Float64(), "bool": pl.Boolean()}
OPERATOR: dict[str, Callable[[Any, Any], pl.Expr]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
    "min": pl.min_horizontal,
    "max": pl.max_horizontal,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "and": operator.and_,
    "or": operator.or_,
}


def to_polars(node: Node) -> pl.Expr:
    """The expression over columns by their names, of type Int64, Float64 or Boolean.

    Columns may have any type that holds their values: integers are widened to 64 bits first, as
    Polars' own arithmetic wraps in narrow types. A NaN compares as in IEEE 754, not as in Polars.
    The sign of a zero may be lost, as Polars takes x + 0.0 for x.
    One that folds to a constant has one row, which Polars repeats beside others.
    """
    parts = [to_polars(child) for child in node.children()]
    match node:
        case Literal(value=value):
            return pl.lit(value, TYPE[node.kind])
        case Column(name=name):
            return pl.col(name).cast(pl.UInt64() if node.hi > INT64_MAX else TYPE[node.kind])
        case Real():
            return parts[0].cast(pl.Float64())
        case Absolute():
            return parts[0].abs()
        case Not():
            return ~parts[0]
        case Binary():
            return _on_floats(node, *parts) if node.kind == "float" else _on_integers(node, *parts)
        case Compare():
            return _compare(node, *parts)
        case Logic(op=op):
            return reduce(OPERATOR[op], parts)
        case Choose():
            return pl.when(parts[0]).then(parts[1]).otherwise(parts[2])
        case Member(members=members):
            return parts[0].is_in(pl.Series(members, dtype=pl.Int64()).implode())
        case Lookup(table=table):
            return pl.lit(pl.Series(table, dtype=TYPE[node.kind])).gather(parts[0])
        case Find(table=table):
            places = list(range(len(table)))
            return parts[0].replace_strict(
                list(table), places, default=len(table), return_dtype=pl.Int64()
            )
    raise NotImplementedError(type(node))


def _on_integers(node: Binary, left: pl.Expr, right: pl.Expr) -> pl.Expr:
    raw = max(node.left.hi, node.right.hi) > INT64_MAX
    if node.op == ">>":
        # Polars has no shift, so it divides: by what must fit in the type.
        shift = node.right.lo
        if raw:
            return (left // pl.lit(1 << shift, pl.UInt64())).cast(pl.Int64())
        if shift == 63:
            left, shift = left // pl.lit(2, pl.Int64()), 62
        return left // pl.lit(1 << shift, pl.Int64())
    if raw:
        return (left.cast(pl.UInt64()) & right.cast(pl.UInt64())).cast(pl.Int64())
    return OPERATOR[node.op](left, right)


def _on_floats(node: Binary, left: pl.Expr, right: pl.Expr) -> pl.Expr:
    if node.op == "/":
        # Polars multiplies by a constant's reciprocal, which rounds twice, so this hides that it is
        # one.
        right = left.is_not_null().cast(pl.Float64()) * right
    return OPERATOR[node.op](left, right)


def _compare(node: Compare, left: pl.Expr, right: pl.Expr) -> pl.Expr:
    """A comparison in which no NaN takes part but in !=: to Polars a NaN equals itself and is
    greater than all else, so it must not be the greater side, or either side of an equality.
    """
    compared = OPERATOR[node.op](left, right)
    if node.left.kind != "float":
        return compared
    side, expression = (node.left, left) if node.op[0] == ">" else (node.right, right)
    if isinstance(side, Literal | Real):
        return compared
    if node.op == "!=":
        return compared | expression.is_nan()
    return compared & expression.is_not_nan()

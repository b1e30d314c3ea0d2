"""A selection as combinational logic."""

import operator
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

from amaranth.hdl import Array, Const, Mux, Shape, Value

from db.selection.tree import (
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
)

OPERATOR: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "and": operator.and_,
    "or": operator.or_,
}


def to_hardware(node: Node, columns: Mapping[str, Value]) -> Value:
    """The value of a tree of integers and bools over ``columns``, in no wider bits than it needs.

    Amaranth's own operators never overflow; each result is cut to the bounds that its node has.
    Raises TypeError for floats, which ``condition`` refuses before.
    """
    parts = [to_hardware(child, columns) for child in node.children()]
    match node:
        case Literal(kind="int" | "bool", value=value):
            return Const(int(value))
        case Column(name=name, kind="int" | "bool"):
            return Value.cast(columns[name])
        case Absolute(kind="int"):
            return _cut(Mux(parts[0] < 0, -parts[0], parts[0]), node)
        case Not():
            return ~parts[0].bool()
        case Binary(kind="int"):
            return _cut(_binary(node, *parts), node)
        case Compare(op=op):
            return OPERATOR[op](*parts)
        case Logic(op=op):
            return reduce(OPERATOR[op], (part.bool() for part in parts))
        case Choose(kind="int" | "bool"):
            return Mux(*parts)
        case Member(members=members):
            return reduce(operator.or_, (parts[0] == each for each in members))
        case Lookup(kind="int", index=index, table=table):
            # In one shape: the bits of entries of several signs are not told apart.
            shape = Shape.cast(range(node.lo, node.hi + 1))
            reached = [Const(int(value), shape) for value in table[index.lo : index.hi + 1]]
            place = (parts[0] - index.lo)[: (index.hi - index.lo).bit_length()]
            return _cut(Array(reached)[place], node)
        case Find(table=table):
            found: Value = Const(len(table))
            for k, each in enumerate(table):
                found = Mux(parts[0] == each, k, found)
            return _cut(found, node)
    raise TypeError(f"no hardware for {type(node).__name__} of kind {node.kind}")


def _binary(node: Binary, left: Value, right: Value) -> Value:
    match node.op:
        case ">>":
            return left.shift_right(node.right.lo)
        case "min":
            return Mux(left < right, left, right)
        case "max":
            return Mux(left > right, left, right)
        case "//" | "%":
            quotient = _quotient(node, left)
            return quotient if node.op == "//" else left - quotient * node.right.lo
    return OPERATOR[node.op](left, right)


def _quotient(node: Binary, left: Value) -> Value:
    """``left // divisor``, rounded down, by one multiplication.

    With k bits for the dividend and 2**b >= divisor, floor(x / divisor) is exactly
    x * ceil(2**(k + b) / divisor) >> (k + b) (Granlund, Montgomery: Division by Invariant Integers
    using Multiplication, 1994). A dividend that may be negative is moved up by a multiple of the
    divisor first.
    """
    divisor = node.right.lo
    steps = max(0, -(node.left.lo // divisor))
    moved = left + steps * divisor
    k = (node.left.hi + steps * divisor).bit_length()
    shift = k + (divisor - 1).bit_length()
    factor = -(-(1 << shift) // divisor)
    return (moved[:k] * factor).shift_right(shift) - steps


def _cut(value: Value, node: Node) -> Value:
    """The bits of a value that lies in the node's bounds."""
    shape = Shape.cast(range(node.lo, node.hi + 1))
    if len(value) < shape.width:
        return value
    return value[: shape.width].as_signed() if shape.signed else value[: shape.width]

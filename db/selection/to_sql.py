"""A selection as ClickHouse SQL."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from db.selection.to_numpy import smallest
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

REPEATED = 200
"""Characters of SQL that may be written twice."""

LONG = 1000
"""Numbers of a table that are sent as their bytes."""

TEMPLATE = {
    "+": "({} + {})",
    "-": "({} - {})",
    "*": "({} * {})",
    "/": "({} / {})",
    "//": "intDiv({}, {})",
    "%": "({} % {})",
    "&": "bitAnd({}, {})",
    "|": "bitOr({}, {})",
    "^": "bitXor({}, {})",
    ">>": "bitShiftRight({}, {})",
    "min": "least({}, {})",
    "max": "greatest({}, {})",
    "==": "({} = {})",
    "!=": "({} != {})",
    "<": "({} < {})",
    "<=": "({} <= {})",
    ">": "({} > {})",
    ">=": "({} >= {})",
}
NOTHING: Mapping[str, str] = MappingProxyType({})


def to_sql(node: Node, bind: Mapping[str, str] = NOTHING) -> str:
    """The expression in ClickHouse's SQL, safe to stand wherever an operand can.

    ``bind`` maps a column to the SQL put in its place; others become backquoted names. An int comes
    in whatever type ClickHouse finds wide enough, a float as Float64, a bool as UInt8 or Bool.
    """
    texts = [to_sql(child, bind) for child in node.children()]
    match node:
        case Literal(value=value):
            return repr(value) if node.kind == "float" else str(int(value))
        case Column(name=name):
            text = f"({bind[name]})" if name in bind else f"`{name}`"
            return f"toFloat64({text})" if node.kind == "float" else text
        case Real():
            return f"toFloat64({texts[0]})"
        case Absolute():
            return f"abs({texts[0]})"
        case Not():
            return f"not({texts[0]})"
        case Binary():
            return _binary(node, *texts)
        case Compare(op="==" | "!=" as op, right=Literal(kind="float", value=0)):
            # ClickHouse makes an IN of several such, whose hashes tell 0.0 from -0.0.
            return TEMPLATE[op].format(f"abs({texts[0]})", "0.0")
        case Compare(op=op):
            return TEMPLATE[op].format(*texts)
        case Logic(op=op):
            return f"({f' {op} '.join(texts)})"
        case Choose(yes=yes, no=no):
            return f"if({texts[0]}, {', '.join(_compatible((yes, no), texts[1:]))})"
        case Member(members=members):
            if len(members) < 3 and len(texts[0]) < REPEATED:  # IN is evaluated row by row
                return "(" + " or ".join(f"{texts[0]} = {each}" for each in members) + ")"
            return f"({texts[0]} IN ({', '.join(map(str, members))}))"
        case Lookup(table=table):
            return f"arrayElement({_array(table)}, {texts[0]} + 1)"
        case Find(part=part, table=table):
            known = {each: k for k, each in enumerate(table) if part.lo <= each <= part.hi}
            values, places = (", ".join(map(str, each)) for each in (known, known.values()))
            return f"transform({texts[0]}, [{values}], [{places}], {len(table)})"
    raise NotImplementedError(type(node))


def _array(table: tuple[int, ...] | tuple[float, ...]) -> str:
    """An array of the numbers. The engine reads a long one four times faster from its bytes."""
    if len(table) < LONG or not isinstance(table[0], float):
        return f"[{', '.join(map(repr, table))}]"
    bytes_ = b64encode(np.array(table, "<f8").tobytes()).decode()
    return f"reinterpret(base64Decode('{bytes_}'), 'Array(Float64)')"


def _binary(node: Binary, left: str, right: str) -> str:
    operands = node.left, node.right
    match node.op:
        case "//" | "%" if node.left.lo < 0:
            return _floored(node, left)
        case "min" | "max":
            left, right = _compatible(operands, (left, right))
            # least is ten times slower than if, which has to repeat its operands, though.
            if len(left) + len(right) < REPEATED:
                sign = "<" if node.op == "min" else ">"
                return f"if({left} {sign} {right}, {left}, {right})"
        case "&" | "|" | "^" if node.op != "&" or min(each.lo for each in operands) < 0:
            # Of a UInt8 and an Int8 ClickHouse makes an Int8.
            left, right = _cast(operands, (left, right))
    return TEMPLATE[node.op].format(left, right)


def _floored(node: Binary, left: str) -> str:
    """intDiv and % round towards zero: that is down once the dividend is moved above zero."""
    divisor = node.right.lo
    quotient = -(node.left.lo // divisor)
    moved = f"({left} + {quotient * divisor})"
    if node.left.hi + quotient * divisor > INT64_MAX:
        moved = f"(toInt128({left}) + toInt128('{quotient * divisor}'))"
    if node.op == "%":
        return f"toInt64({moved} % {divisor})"
    return f"toInt64(intDiv({moved}, {divisor}) - {quotient})"


def _compatible(operands: Sequence[Node], texts: Sequence[str]) -> Sequence[str]:
    """Operands for which ClickHouse finds a common type: it has none for UInt64 and Int64, while
    any integer goes with a small literal. A cast that isn't needed would make its if a slow one.
    """
    small = any(isinstance(each, Literal) and 0 <= each.lo < 2**32 for each in operands)
    return texts if small or operands[0].kind != "int" else _cast(operands, texts)


def _cast(operands: Sequence[Node], texts: Sequence[str]) -> Sequence[str]:
    """Integers in the smallest type that holds all of them."""
    both = smallest(min(each.lo for each in operands), max(each.hi for each in operands))
    name = both.name.replace("u", "U").replace("int", "Int")
    return [f"to{name}({text})" for text in texts]

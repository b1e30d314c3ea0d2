"""Selections over NumPy columns."""

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    Real,
    names,
)

Array = NDArray[Any]
Step = Callable[[Mapping[str, Array]], Any]
"""Columns in, values of one node out: an array or, for a literal, a Python number."""

BLOCK = 1 << 16
"""Rows worked on at once, so that what lies between columns and result stays in the CPU's cache."""

TABLE = 1 << 16
"""The longest table that is made to look up whether a value is a member of a list."""

Type = np.dtype[Any]
FLOAT, BOOL, WORD, INT64 = np.dtype("f8"), np.dtype("?"), np.dtype("u8"), np.dtype("i8")
INTEGERS: tuple[Type, ...] = (
    *(np.dtype(name) for name in ("u1", "u2", "u4", "i1", "i2", "i4")),
    INT64,
)
BOUNDS = {each: (int(np.iinfo(each).min), int(np.iinfo(each).max)) for each in INTEGERS}
UFUNC: dict[str, np.ufunc] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.true_divide,
    "//": np.floor_divide,
    "&": np.bitwise_and,
    "|": np.bitwise_or,
    "^": np.bitwise_xor,
    ">>": np.right_shift,
    "min": np.minimum,
    "max": np.maximum,
    "==": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "and": np.logical_and,
    "or": np.logical_or,
}


def dtype(node: Node) -> Type:
    """The type of a node's values: bool, float64, or the smallest integer type that holds them.

    That is unsigned if they can't be negative, but int64 where 32 bits don't do (uint64 is for raw
    words alone).
    """
    if node.kind == "int":
        return smallest(node.lo, node.hi)
    return BOOL if node.kind == "bool" else FLOAT


def to_numpy(node: Node, columns: Mapping[str, Array]) -> Array:
    """One value per row, of ``dtype(node)``; for a selection, a mask.

    ``columns`` are arrays of one length, of any dtype, whose values lie in the ranges that the tree
    was parsed with. Those that the tree doesn't read only tell the length.
    """
    given = {name: np.asarray(columns[name]) for name in names(node) or columns}
    rows = len(next(iter(given.values()), ()))
    result, step = np.empty(rows, dtype(node)), compiled(node)
    with np.errstate(all="ignore"):
        for start in range(0, rows, BLOCK):
            block = {name: column[start : start + BLOCK] for name, column in given.items()}
            result[start : start + BLOCK] = step(block)
    return result


def compiled(node: Node) -> Step:
    """The function from columns to a node's values, in whatever type they were worked out in.

    It takes the rows as they come: give it as many as the cache holds, and ``np.errstate``.
    """
    match node:
        case Literal(value=value):
            return lambda block: value
        case Column(name=name):
            target = dtype(node)
            if node.kind == "int" and target != WORD:
                return lambda block: _integers(block[name], target)
            return lambda block: _as(block[name], target)
        case Real(part=part):
            whole = compiled(part)
            return lambda block: _as(whole(block), FLOAT)
        case Absolute(part=part):
            parts = _steps(node, part)
            return lambda block: np.abs(*parts(block))
        case Not(part=part):
            inner = compiled(part)
            return lambda block: np.logical_not(inner(block))
        case Binary(op="%", left=left, right=right):
            # NumPy has vector code for a quotient but not for a remainder.
            parts = _steps(node, left, right)
            return lambda block: _remainder(*parts(block))
        case Binary(op="&", left=left, right=Literal(lo=mask)) if mask >= 0:
            # What the mask drops needn't be there: the rest is done in a narrow type.
            inner, target = compiled(left), smallest(0, mask)
            return lambda block: np.bitwise_and(_as(inner(block), target), mask)
        case Binary(op=op, left=left, right=right):
            ufunc, parts = UFUNC[op], _steps(node, left, right)
            return lambda block: _signed(ufunc(*parts(block)))
        case Compare(op=op, left=left, right=right):
            ufunc, parts = UFUNC[op], _steps(node, left, right)
            return lambda block: ufunc(*parts(block))
        case Logic(op=op, parts=bools):
            ufunc, several = UFUNC[op], [compiled(each) for each in bools]
            return lambda block: reduce(ufunc, (each(block) for each in several))
        case Choose(condition=condition, yes=yes, no=no):
            which, parts = compiled(condition), _steps(node, yes, no)
            return lambda block: np.where(which(block), *parts(block))
        case Member(part=part, members=members):
            return _member(part, members)
        case Lookup(index=index, table=table):
            inner, values = compiled(index), np.array(table, dtype(node))
            return lambda block: values.take(inner(block))
        case Find(part=part, table=table):
            return _find(part, table)
    raise NotImplementedError(type(node))


def _member(part: Node, members: tuple[int, ...]) -> Step:
    inner, rows = compiled(part), max(part.hi + 1, 0) - min(part.lo, 0)
    if rows > TABLE:
        found = np.array(members, dtype(part))
        return lambda block: np.isin(inner(block), found)
    table = np.zeros(rows, BOOL)
    table[list(members)] = True  # what is negative counts from the end, here and in take
    return lambda block: table.take(inner(block))


def _find(part: Node, table: tuple[int, ...]) -> Step:
    inner, known = compiled(part), np.array(table, INT64)

    def places(block: Mapping[str, Array]) -> Array:
        wanted = _as(inner(block), INT64)
        at = np.searchsorted(known, wanted)
        return np.where(known.take(at, mode="clip") == wanted, at, len(known))

    return places


def _steps(result: Node, *operands: Node) -> Callable[[Mapping[str, Array]], list[Any]]:
    """The operands' values; integers in one type that holds them and the result."""
    steps = [compiled(each) for each in operands]
    if result.kind != "int":
        return lambda block: [step(block) for step in steps]
    lo = min(result.lo, *(each.lo for each in operands))
    hi = max(result.hi, *(each.hi for each in operands))
    narrow = smallest(lo, hi)

    def alike(block: Mapping[str, Array]) -> list[Any]:
        values = [step(block) for step in steps]
        # A type that is there already and wide enough saves a conversion.
        present = [each.dtype for each in values if isinstance(each, np.ndarray)]
        widest: Type = max(present, key=lambda each: each.itemsize, default=narrow)
        least, most = BOUNDS.get(widest, (0, -1))
        target = widest if least <= lo and hi <= most else narrow
        return [_as(each, target) for each in values]

    return alike


def _remainder(left: Array, right: int) -> Array:
    quotient = np.floor_divide(left, right)
    quotient *= right
    return np.subtract(left, quotient, out=quotient)


def smallest(lo: int, hi: int) -> Type:
    """The smallest integer type that holds lo..hi; see ``dtype``."""
    for each in INTEGERS:
        least, most = BOUNDS[each]
        if least <= lo and hi <= most:
            return each
    return WORD


def _integers(values: Array, target: Type) -> Array:
    ours = values.dtype == WORD or values.dtype in BOUNDS
    return _signed(values) if ours else _as(values, target)


def _signed(values: Array) -> Array:
    return values.view(INT64) if values.dtype == WORD else values


def _as(values: Any, target: Type) -> Any:
    """Values in a type that holds them; a Python number takes on any by itself."""
    return values.astype(target, copy=False) if isinstance(values, np.ndarray) else values

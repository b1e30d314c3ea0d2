"""Typed nodes from typed nodes: kinds agree, bounds hold, and whatever has one value is a literal.

Rewrites into the small core happen here. ``at`` is the half-open range of characters that a node
comes from.
"""

import operator
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Literal as OneOf
from typing import cast

from db.selection import interval
from db.selection.operand import (
    NOUN,
    Refused,
    Span,
    constant,
    literal,
    number,
    place,
    real,
    value,
    wanted,
    whole,
)
from db.selection.tree import (
    INT64_MAX,
    INT64_MIN,
    Absolute,
    Arithmetic,
    Binary,
    Choose,
    Column,
    Compare,
    Comparison,
    Find,
    Literal,
    Logic,
    Lookup,
    Member,
    Node,
    Not,
    Range,
)

MAX_NODES = 2000

FLOAT_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
FLOAT_COMPARISON: dict[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

MIRRORED: dict[Comparison, Comparison] = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def column(name: str, known: Range, at: Span) -> Node:
    """A column with the bounds that are known of it."""
    lo, hi = {"int": (int(known.lo), int(known.hi)), "bool": (0, 1)}.get(known.kind, (0, 0))
    node = Column(kind=known.kind, name=name, lo=lo, hi=hi, start=at[0], stop=at[1])
    return node if hi > INT64_MAX else _settle(node)


def arithmetic(op: str, left: Node, right: Node, at: Span) -> Node:
    """``left op right`` for numbers, and & | ^ for bools, of Python's operators or min, max."""
    if op in ("&", "|", "^") and left.kind == right.kind == "bool":
        if op == "^":
            return compare("!=", left, right, at)
        return logic("and" if op == "&" else "or", (left, right), at)
    left, right = number(left), number(right)
    if "float" in (left.kind, right.kind) or op == "/":
        return _on_floats(op, real(left), real(right), at)
    return _on_integers(op, left, right, at)


def _on_floats(op: str, left: Node, right: Node, at: Span) -> Node:
    if op in ("min", "max"):
        comparison: Comparison = "<" if op == "min" else ">"
        return choose(compare(comparison, right, left, at), right, left, at)
    if op not in FLOAT_ARITHMETIC:
        raise Refused(f"{op} is for integers, not for floats", at)
    if op == "/" and not (isinstance(right, Literal) and right.value):
        raise Refused("a divisor must be a constant other than 0", place(right))
    if isinstance(left, Literal) and isinstance(right, Literal):
        return literal(FLOAT_ARITHMETIC[op](left.value, right.value), at)
    return _binary(op, left, right, at)


def _on_integers(op: str, left: Node, right: Node, at: Span) -> Node:
    if op in ("//", "%"):
        divisor = constant(right, "a divisor")
        if divisor <= 0:
            raise Refused("a divisor must be positive", place(right))
        if divisor & (divisor - 1) == 0:
            op = ">>" if op == "//" else "&"
            power = divisor.bit_length() - 1 if op == ">>" else divisor - 1
            return _on_integers(op, left, literal(power, place(right)), at)
        if op == "%" and left.lo >= 0 and left.hi < divisor:
            return whole(left)
    if op in ("<<", ">>"):
        shift = constant(right, "the width of a shift")
        if shift < 0 or (op == "<<" and shift > 62):
            raise Refused("this can't be the width of a shift", place(right))
        if op == "<<":
            return _on_integers("*", left, literal(1 << shift, place(right)), at)
        if shift == 0:
            return left
        # Beyond its own bits a number only keeps its sign, and no target's shift is asked for more.
        bits = max(left.hi, ~left.lo).bit_length()
        right = literal(min(shift, bits), place(right))
    if op == "&" and (isinstance(left, Literal) or right.hi > INT64_MAX):
        left, right = right, left
    if op == "&" and isinstance(right, Literal) and left.lo >= 0:
        mask = right.lo
        if mask & (mask + 1) == 0 and left.hi <= mask:
            return left
    if op not in (">>", "&"):
        left, right = whole(left), whole(right)
    return _binary(op, left, right, at)


def _binary(op: str, left: Node, right: Node, at: Span) -> Node:
    lo, hi = 0, 0
    if left.kind == "int":
        lo, hi = interval.ARITHMETIC[op](_bounds(left), _bounds(right))
    start, stop, name = *at, cast("Arithmetic", op)
    kind = left.kind
    return _settle(
        Binary(kind=kind, op=name, left=left, right=right, lo=lo, hi=hi, start=start, stop=stop)
    )


def negative(part: Node, at: Span) -> Node:
    """``-x``. A float is multiplied by -1, which turns the sign of 0.0 as well."""
    if part.kind == "float":
        return arithmetic("*", part, literal(-1.0, at), at)
    return arithmetic("-", literal(0, at), part, at)


def inverse(part: Node, at: Span) -> Node:
    """``~x`` of an integer, which is -1 - x."""
    if part.kind != "int":
        raise Refused(f"~ is for integers, not for {NOUN[part.kind]}: write not", at)
    return arithmetic("-", literal(-1, at), part, at)


def absolute(part: Node, at: Span) -> Node:
    """``abs(x)``."""
    if number(part).kind == "int" and part.lo >= 0:
        return part
    lo, hi = interval.absolute(_bounds(part))
    node = Absolute(kind=part.kind, part=part, lo=lo, hi=hi, start=at[0], stop=at[1])
    return literal(abs(part.value), at) if isinstance(part, Literal) else _settle(node)


def compare(op: Comparison, left: Node, right: Node, at: Span) -> Node:
    """``left op right``."""
    if "bool" in (left.kind, right.kind):
        if left.kind != right.kind:
            raise Refused("a yes or no can't be compared with a number", at)
        if op not in ("==", "!="):
            raise Refused(f"a yes or no has no order: {op} is for numbers", at)
    left, right = _alike(left, right, at)
    if isinstance(left, Literal):
        op, left, right = MIRRORED.get(op, op), right, left
    lo, hi = 0, 1
    if left.kind != "float":
        lo, hi = interval.compare(op, _bounds(left), _bounds(right))
    elif isinstance(left, Literal) and isinstance(right, Literal):
        lo = hi = int(FLOAT_COMPARISON[op](left.value, right.value))
    start, stop = at
    return _settle(
        Compare(kind="bool", op=op, left=left, right=right, lo=lo, hi=hi, start=start, stop=stop)
    )


def logic(op: OneOf["and", "or"], parts: Sequence[Node], at: Span) -> Node:
    """All or any of the parts."""
    parts = [wanted(part, "bool") for part in parts]
    absorbing = 0 if op == "and" else 1
    if any(part.lo == part.hi == absorbing for part in parts):
        return literal(bool(absorbing), at)
    open_parts = tuple(part for part in parts if part.lo != part.hi)
    if not open_parts:
        return literal(not absorbing, at)
    if len(open_parts) == 1:
        return open_parts[0]
    return _settle(Logic(kind="bool", op=op, parts=open_parts, lo=0, hi=1, start=at[0], stop=at[1]))


def negation(part: Node, at: Span) -> Node:
    """``not x``."""
    lo, hi = 1 - wanted(part, "bool").hi, 1 - part.lo
    return _settle(Not(kind="bool", part=part, lo=lo, hi=hi, start=at[0], stop=at[1]))


def choose(which: Node, yes: Node, no: Node, at: Span) -> Node:
    """``yes if which else no``."""
    wanted(which, "bool")
    yes, no = _alike(yes, no, at)
    if isinstance(which, Literal):
        return yes if which.value else no
    kind, lo, hi, (start, stop) = yes.kind, min(yes.lo, no.lo), max(yes.hi, no.hi), at
    return _settle(
        Choose(kind=kind, condition=which, yes=yes, no=no, lo=lo, hi=hi, start=start, stop=stop)
    )


def member(part: Node, members: Sequence[Node], at: Span) -> Node:
    """``part in members``, which are literals."""
    part = whole(number(part))
    for each in members:
        value(each)
    if "float" in {part.kind, *(each.kind for each in members)}:
        equal = [compare("==", part, each, at) for each in members]
        return logic("or", equal, at) if equal else literal(False, at)
    found = tuple(sorted({each.lo for each in members if part.lo <= each.lo <= part.hi}))
    lo, hi = int(len(found) == part.hi - part.lo + 1), int(bool(found))
    start, stop = at
    return _settle(
        Member(kind="bool", part=part, members=found, lo=lo, hi=hi, start=start, stop=stop)
    )


def lookup(index: Node, table: Sequence[float], at: Span) -> Node:
    """``table[index]``: the index can't leave the table, and an int among floats becomes one."""
    if number(index).kind != "int":
        raise Refused("an index must be an integer", place(index))
    if index.lo < 0 or index.hi >= len(table):
        problem = f"this index lies in {index.lo}..{index.hi}, the table has 0..{len(table) - 1}"
        raise Refused(f"{problem}: narrow it, such as with min", place(index))
    start, stop = at
    if any(isinstance(value, float) for value in table):
        floats = tuple(float(value) for value in table)
        if isinstance(index, Literal):
            return literal(floats[index.lo], at)
        return Lookup(kind="float", index=index, table=floats, start=start, stop=stop)
    ints = tuple(int(value) for value in table)
    reached = ints[index.lo : index.hi + 1]
    lo, hi = min(reached), max(reached)
    return _settle(
        Lookup(kind="int", index=index, table=ints, lo=lo, hi=hi, start=start, stop=stop)
    )


def find(part: Node, table: Sequence[float], at: Span) -> Node:
    """The place in the table of an int, ``len(table)`` where it isn't there."""
    if number(part).kind != "int":
        raise Refused("only an integer can be found in a table", place(part))
    if any(isinstance(each, float) for each in table) or any(a >= b for a, b in pairwise(table)):
        raise Refused("find needs a table of integers that ascend, each there once", at)
    ints = tuple(int(each) for each in table)
    places = [k for k, each in enumerate(ints) if part.lo <= each <= part.hi]
    if not places or isinstance(part, Literal):
        return literal(places[0] if places else len(ints), at)
    sure = len(places) == part.hi - part.lo + 1
    lo, hi = places[0], places[-1] if sure else len(ints)
    start, stop = at
    return _settle(
        Find(kind="int", part=whole(part), table=ints, lo=lo, hi=hi, start=start, stop=stop)
    )


def _bounds(node: Node) -> interval.Bounds:
    return node.lo, node.hi


def _alike(left: Node, right: Node, at: Span) -> tuple[Node, Node]:
    if left.kind == right.kind:
        return whole(left), whole(right)
    if "bool" in (left.kind, right.kind):
        raise Refused(f"{NOUN[left.kind]} and {NOUN[right.kind]} don't mix", at)
    return real(left), real(right)


def _settle(node: Node) -> Node:
    if node.size > MAX_NODES:
        raise Refused(f"more than {MAX_NODES} operations: make it shorter", place(node))
    if node.kind == "float":
        return node
    if node.lo < INT64_MIN or node.hi > INT64_MAX:
        bounds = f"{node.lo}..{node.hi}"
        problem = f"this may reach {bounds}, which leaves 64 bits: narrow its parts by & or %"
        raise Refused(problem, place(node))
    if node.lo == node.hi:
        return literal(bool(node.lo) if node.kind == "bool" else node.lo, place(node))
    return node

"""Bounds of integer results from the bounds of their operands, in Python's unbounded integers.

A pair ``(lo, hi)`` is inclusive on both sides. The bounds are sound: no operands within theirs can
give a result outside.
"""

import operator
from collections.abc import Callable
from itertools import product

Bounds = tuple[int, int]
Rule = Callable[[Bounds, Bounds], Bounds]


def _corners(apply: Callable[[int, int], int]) -> Rule:
    """The rule for an operation that is monotonic in each operand: its extremes are at corners."""

    def rule(left: Bounds, right: Bounds) -> Bounds:
        results = [apply(x, y) for x, y in product(left, right)]
        return min(results), max(results)

    return rule


def _modulo(left: Bounds, right: Bounds) -> Bounds:
    (lo, hi), divisor = left, right[1]
    if lo // divisor == hi // divisor:
        return lo % divisor, hi % divisor
    return 0, divisor - 1


def _bitwise(apply: Callable[[int, int], int], bounds: Rule) -> Rule:
    """The rule for & | ^, which is exact for two constants."""

    def rule(left: Bounds, right: Bounds) -> Bounds:
        if left[0] == left[1] and right[0] == right[1]:
            return (apply(left[0], right[0]),) * 2
        return bounds(left, right)

    return rule


def _span(left: Bounds, right: Bounds) -> Bounds:
    """All numbers with as many bits as the widest operand, below zero only if an operand may be."""
    bits = max(max(value, ~value).bit_length() for value in left + right)
    return (-(1 << bits) if min(left + right) < 0 else 0), (1 << bits) - 1


def _and(left: Bounds, right: Bounds) -> Bounds:
    tops = [hi for lo, hi in (left, right) if lo >= 0]
    return (0, min(tops)) if tops else _span(left, right)


def _or(left: Bounds, right: Bounds) -> Bounds:
    lo, hi = _span(left, right)
    return (max(left[0], right[0]), hi) if lo >= 0 else (lo, hi)


ARITHMETIC: dict[str, Rule] = {
    "+": _corners(operator.add),
    "-": _corners(operator.sub),
    "*": _corners(operator.mul),
    "//": _corners(operator.floordiv),
    ">>": _corners(operator.rshift),
    "%": _modulo,
    "&": _bitwise(operator.and_, _and),
    "|": _bitwise(operator.or_, _or),
    "^": _bitwise(operator.xor, _span),
    "min": _corners(min),
    "max": _corners(max),
}


def absolute(part: Bounds) -> Bounds:
    """Bounds of ``abs(x)``."""
    lo, hi = part
    return (0 if lo <= 0 <= hi else min(abs(lo), abs(hi))), max(abs(lo), abs(hi))


def compare(op: str, left: Bounds, right: Bounds) -> Bounds:
    """Bounds of a comparison as 0 or 1: it must hold, it may hold."""
    match op:
        case "<":
            must, may = left[1] < right[0], left[0] < right[1]
        case ">":
            must, may = right[1] < left[0], right[0] < left[1]
        case "==":
            must = left[0] == left[1] == right[0] == right[1]
            may = left[0] <= right[1] and right[0] <= left[1]
        case _:
            opposite = {"!=": "==", ">=": "<", "<=": ">"}[op]
            must_not, may_not = compare(opposite, left, right)
            must, may = not may_not, not must_not
    return int(must), int(may)

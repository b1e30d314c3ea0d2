"""What may stand where: a value of the right kind at a place, or a refusal that points to it."""

import math

from db.selection.tree import INT64_MAX, INT64_MIN, Column, Kind, Literal, Node, Real

Span = tuple[int, int]

EXACT = 2**53
"""Integers beyond this have no exact float."""

NOUN: dict[Kind, str] = {"int": "an integer", "float": "a float", "bool": "a yes or no"}


class Refused(Exception):  # noqa: N818  (it is turned into the user's SelectionError)
    """Something the language doesn't allow, at a place."""

    def __init__(self, problem: str, at: Span) -> None:
        super().__init__(problem)
        self.problem, self.at = problem, at


def place(node: Node) -> Span:
    """Where a node was read."""
    return node.start, node.stop


def literal(value: int | float, at: Span) -> Literal:
    """A constant, whose kind is the value's type."""
    start, stop = at
    if isinstance(value, float):
        if not math.isfinite(value):
            raise Refused("this is no finite number", at)
        return Literal(kind="float", value=value, start=start, stop=stop)
    kind: Kind = "bool" if isinstance(value, bool) else "int"
    if not INT64_MIN <= value <= INT64_MAX:
        raise Refused("this does not fit in 64 bits with sign", at)
    return Literal(kind=kind, value=value, lo=int(value), hi=int(value), start=start, stop=stop)


def whole(node: Node) -> Node:
    """The node, unless it is a raw word, which may not fit int64."""
    if isinstance(node, Column) and node.hi > INT64_MAX:
        raise Refused(f"{node.name} is a raw word: take bits of it first, by >> or &", place(node))
    return node


def number(node: Node) -> Node:
    """The node, if it is a number."""
    if node.kind == "bool":
        raise Refused("a yes or no where a number is needed: write 1 if ... else 0", place(node))
    return node


def wanted(node: Node, kind: Kind) -> Node:
    """The node, if it is of this kind."""
    if node.kind != kind:
        cure = ": compare it, such as with != 0" if kind == "bool" else ""
        raise Refused(f"{NOUN[node.kind]} where {NOUN[kind]} is needed{cure}", place(node))
    return node


def constant(node: Node, what: str) -> int:
    """The value of an integer literal."""
    if not isinstance(node, Literal) or node.kind != "int":
        raise Refused(f"{what} must be a constant integer", place(node))
    return int(node.value)


def value(node: Node) -> int | float:
    """The number that a literal stands for."""
    if not isinstance(node, Literal) or node.kind == "bool":
        raise Refused("this must be a constant number", place(node))
    return node.value


def real(node: Node) -> Node:
    """A number as a float; an integer must lie within 2**53, where that is exact."""
    if node.kind == "float":
        return node
    if whole(node).lo < -EXACT or node.hi > EXACT:
        problem = f"this integer lies in {node.lo}..{node.hi}: beyond 2**53 no float holds it"
        raise Refused(problem, place(node))
    if isinstance(node, Literal):
        return literal(float(node.value), place(node))
    return Real(kind="float", part=node, start=node.start, stop=node.stop)

"""The typed tree that every target of a selection walks.

It is a small core: parsing rewrites whatever can be said with fewer operations (``x << 3`` is
``x * 8``, ``x % 64`` is ``x & 63``, ``~x`` is ``-1 - x``, a chain of comparisons is an ``and``), so
that a target has few cases and all targets agree.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Literal as OneOf

Kind = OneOf["int", "float", "bool"]
Arithmetic = OneOf["+", "-", "*", "/", "//", "%", "&", "|", "^", ">>", "min", "max"]
Comparison = OneOf["==", "!=", "<", "<=", ">", ">="]

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
UINT64_MAX = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Range:
    """What is known of a column: every value lies in ``lo..hi``, both inclusive.

    The bounds of an int column are Python ints within int64; only a raw word may reach 2**64 - 1.
    Those of a float or bool column say nothing.
    """

    lo: float = INT64_MIN
    hi: float = INT64_MAX
    kind: Kind = "int"


@dataclass(frozen=True, kw_only=True)
class Node:
    """A value per hit, of one kind. An int lies in ``lo..hi`` (inclusive); a bool in 0..1; the
    bounds of a float are 0 and say nothing. ``start`` and ``stop`` are the half-open range of
    characters it was read from; ``size`` counts the nodes of the tree below, itself included.
    """

    kind: Kind
    lo: int = 0
    hi: int = 0
    start: int = field(default=0, compare=False)
    stop: int = field(default=0, compare=False)
    size: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", 1 + sum(child.size for child in self.children()))

    def children(self) -> Iterator["Node"]:
        """The operands, left to right."""
        for each in fields(self):
            value = getattr(self, each.name, None)
            if isinstance(value, Node):
                yield value
            elif isinstance(value, tuple):
                yield from (part for part in value if isinstance(part, Node))


@dataclass(frozen=True, kw_only=True)
class Literal(Node):
    """A constant: a Python int, float or bool, as ``kind`` says."""

    value: int | float


@dataclass(frozen=True, kw_only=True)
class Column(Node):
    """A column. One whose ``hi`` is beyond int64 is a raw word: only ``>>`` and ``&`` take it."""

    name: str


@dataclass(frozen=True, kw_only=True)
class Real(Node):
    """An int as a float, exactly: its bounds are within 2**53."""

    part: Node


@dataclass(frozen=True, kw_only=True)
class Absolute(Node):
    """The absolute value of a number."""

    part: Node


@dataclass(frozen=True, kw_only=True)
class Not(Node):
    """True where a bool is false."""

    part: Node


@dataclass(frozen=True, kw_only=True)
class Binary(Node):
    """Two numbers of one kind in, one of that kind out.

    Floats know + - * / alone, with a literal that isn't 0 as divisor. Integers know all but ``/``,
    and none of them can leave int64. The right side of ``//`` and ``%`` is a literal >= 3 that is
    no power of two, of ``>>`` a literal from 1 to 63; of ``&`` a raw word is the left side. ``//``
    and ``%`` round down, as Python does.
    """

    op: Arithmetic
    left: Node
    right: Node


@dataclass(frozen=True, kw_only=True)
class Compare(Node):
    """A bool from two values of one kind; bools know only == and !=, and a literal is on the right.
    A NaN equals nothing and is neither less nor greater than anything.
    """

    op: Comparison
    left: Node
    right: Node


@dataclass(frozen=True, kw_only=True)
class Logic(Node):
    """All (``and``) or any (``or``) of two or more bools."""

    op: OneOf["and", "or"]
    parts: tuple[Node, ...]


@dataclass(frozen=True, kw_only=True)
class Member(Node):
    """True where an int is one of ``members``: ascending, without repeats."""

    part: Node
    members: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Choose(Node):
    """``yes`` where the condition holds, else ``no``: both of the node's kind."""

    condition: Node
    yes: Node
    no: Node


@dataclass(frozen=True, kw_only=True)
class Lookup(Node):
    """``table[index]``; the bounds of the index lie inside the table."""

    index: Node
    table: tuple[int, ...] | tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Find(Node):
    """The place of an int in ``table``, counted from 0; ``len(table)`` where it isn't there.

    The table ascends, without repeats.
    """

    part: Node
    table: tuple[int, ...]


def names(node: Node) -> frozenset[str]:
    """The columns that a tree reads (folding may leave fewer than its text names)."""
    if isinstance(node, Column):
        return frozenset({node.name})
    return frozenset().union(*(names(child) for child in node.children()))

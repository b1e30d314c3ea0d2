"""Selections as Python text over scalars: the body of a loop for Numba to compile."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from db.kernel import kernel
from db.selection import tree
from db.selection.tree import INT64_MAX, Node


@kernel(inline="always")
def find(table: NDArray[np.int64], value: int) -> int:
    """The place of a value in a table that ascends, its length where it isn't there."""
    at = np.searchsorted(table, value)
    return at if at < len(table) and table[at] == value else len(table)  # type: ignore[return-value]


SCOPE: dict[str, Any] = {
    "i8": np.int64,
    "u8": np.uint64,
    "f8": np.float64,
    "inf": np.inf,
    "find": find,
}
"""The names that the text uses beside columns and tables."""


def to_loop(node: Node, tables: list[NDArray[Any]]) -> str:
    """The tree as Python text over int64, float64, bool, and uint64 raw words.

    A column ``x`` is the variable ``_x``. Tables that the tree looks up in are appended to
    ``tables``; the k-th is the variable ``table<k>``.
    """

    def text(part: Node) -> str:
        return to_loop(part, tables)

    match node:
        case tree.Literal(value=value):
            return repr(value)
        case tree.Column(name=name):
            return f"_{name}"
        case tree.Real(part=part):
            return f"f8({text(part)})"
        case tree.Absolute(part=part):
            return f"abs({text(part)})"
        case tree.Not(part=part):
            return f"(not {text(part)})"
        case tree.Binary(op="min" | "max" as op, left=left, right=right):
            return f"{op}({text(left)}, {text(right)})"
        case tree.Binary(op=op, left=left, right=right) if left.hi > INT64_MAX:
            whole = f"({text(left)} {op} u8({text(right)}))"  # the raw word: unsigned
            return whole if node.hi > INT64_MAX else f"i8({whole})"
        case tree.Binary(op=op, left=left, right=right):
            return f"({text(left)} {op} {text(right)})"
        case tree.Compare(op=op, left=left, right=right):
            return f"({text(left)} {op} {text(right)})"
        case tree.Logic(op=op, parts=parts):
            return "(" + f" {op} ".join(text(part) for part in parts) + ")"
        case tree.Member(part=part, members=members):
            return f"({text(part)} in {members!r})"
        case tree.Choose(condition=condition, yes=yes, no=no):
            return f"({text(yes)} if {text(condition)} else {text(no)})"
        case tree.Lookup(index=index, table=table):
            tables.append(np.array(table))
            return f"table{len(tables) - 1}[{text(index)}]"
        case tree.Find(part=part, table=table):
            tables.append(np.array(table, np.int64))
            return f"find(table{len(tables) - 1}, {text(part)})"
    raise TypeError(f"no loop for {type(node).__name__}")

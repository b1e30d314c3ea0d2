"""What a link's clock asks of every word, compiled from the detector's declaration.

Decoding with NumPy gives the same, at 11 to 19 ns a word; this loop, which keeps everything in
registers, takes 0.5 ns, and every word comes through here.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from db.chunk import Words
from db.detector import Detector
from db.selection import Node, names, tree

Timing = tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]

_LOOP = """
def fill(hits, times, sound, corrupt):
    for i in range(len(hits)):
        {words}
        {fields}
        times[i] = {t}
        corrupt[i] = {corrupt}
        sound[i] = {timed} and not corrupt[i]
"""


@cache
def word_times(detector: Detector) -> Callable[[Words], Timing]:
    """A function from whole hits to their own times, which are sound, and which are corrupt.

    It takes the words of n hits and returns three arrays of length n: the times on the words' own
    counter, in ticks; True where a hit is not corrupt and carries a time; True where it is corrupt.
    Making it takes half a second of compiling, once a declaration.
    """
    asked = {name: detector.nodes[name] for name in ("t", "corrupt", "timed")}
    used = frozenset().union(*(names(node) for node in asked.values())) - {"epoch"}
    tables: list[NDArray[Any]] = []
    fields = [f"_{name} = {_python(detector.nodes[name], tables)}" for name in sorted(used)]
    text = _LOOP.format(
        words="; ".join(f"_w{k} = hits[i, {k}]" for k in range(detector.words_per_hit)),
        fields="; ".join(fields) or "pass",
        **{name: _python(node, tables) for name, node in asked.items()},
    )
    scope: dict[str, Any] = {f"table{k}": table for k, table in enumerate(tables)}
    scope |= {"i8": np.int64, "u8": np.uint64, "f8": np.float64, "inf": np.inf, "_epoch": 0}
    exec(text, scope)  # noqa: S102  (made of the typed tree alone: names, numbers, operators)
    fill = njit(nogil=True, error_model="numpy")(scope["fill"])

    def timing(words: Words) -> Timing:
        hits = words.reshape(-1, detector.words_per_hit)
        times, sound = np.empty(len(hits), np.int64), np.empty(len(hits), np.bool_)
        corrupt = np.empty(len(hits), np.bool_)
        fill(hits, times, sound, corrupt)
        return times, sound, corrupt

    return timing


def _python(node: Node, tables: list[NDArray[Any]]) -> str:
    """The tree as Python text over int64, float64 and bool scalars; appends to ``tables``."""

    def text(part: Node) -> str:
        return _python(part, tables)

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
        case tree.Binary(op=op, left=left, right=right) if left.hi > tree.INT64_MAX:
            whole = f"({text(left)} {op} u8({text(right)}))"  # the raw word: unsigned
            return whole if node.hi > tree.INT64_MAX else f"i8({whole})"
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
    raise NotImplementedError(type(node))

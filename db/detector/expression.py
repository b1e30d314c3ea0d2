"""Expressions of a declaration, in which its own constants have names."""

import re
from collections.abc import Mapping, Sequence

from db.errors import SelectionError
from db.selection import Node, Range, parse
from db.selection.tree import Kind

_TOKEN = re.compile(r"\w+|.", re.ASCII | re.DOTALL)


def expression(
    text: str,
    columns: Mapping[str, Range],
    tables: Mapping[str, Sequence[float]],
    constants: Mapping[str, float],
    want: Kind | None = None,
) -> Node:
    """The tree of a selection in which constants stand for their values.

    Raises SelectionError, whose place is that in ``text`` as it was written.
    """
    filled, starts, stops = _filled(text, constants)
    known = {**{name: Range(kind="float") for name in constants}, **columns}
    try:
        return parse(filled, known, tables, want)
    except SelectionError as error:
        start, stop = (min(at, len(filled)) for at in (error.start + 1, error.stop))
        raise SelectionError(error.problem, text, starts[start], stops[stop]) from None


def refusal(problem: str, text: str, constants: Mapping[str, float], node: Node) -> SelectionError:
    """The error that marks in ``text`` what a node of its tree was read from."""
    _, starts, stops = _filled(text, constants)
    return SelectionError(problem, text, starts[node.start + 1], stops[node.stop])


def _filled(text: str, constants: Mapping[str, float]) -> tuple[str, list[int], list[int]]:
    """The text with values for constants; of each character and its end, the place in ``text``."""
    filled, starts, stops = "", [0], [0]
    for token in _TOKEN.finditer(text):
        piece = f"({constants[token[0]]!r})" if token[0] in constants else token[0]
        filled += piece
        starts += [token.start()] * len(piece)
        stops += [token.end()] * len(piece)
    return filled, starts, stops

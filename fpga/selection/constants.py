"""A prefilter whose constants are registers: one design for all selections of the same shape."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any
from zlib import crc32

from db.detector import Detector
from db.selection import Node
from db.selection.tree import Column, Compare, Literal
from fpga.selection.condition import condition_of, sound_or

_LEAST, _MOST = -(2**31), 2**31 - 1


@dataclass(frozen=True)
class Constant:
    """A number with which something is compared, as a register has it: one in ``lo..hi``."""

    name: str
    value: int
    lo: int
    hi: int

    @property
    def bits(self) -> int:
        """The register of 32 bits that says so."""
        return self.value % 2**32


@dataclass(frozen=True)
class Prefilter:
    """What keeps a hit: a tree over its words and the constants, by their names."""

    keep: Node
    constants: tuple[Constant, ...]

    @property
    def shape(self) -> int:
        """A number of 32 bits that prefilters share which differ in their constants alone."""
        return crc32(repr(_plain(self.keep)).encode())


def prefilter_of(detector: Detector, text: str) -> Prefilter:
    """The prefilter of a selection: each integer that stands alone on a side of a comparison is a
    constant, unless more than 31 bits are compared with it.

    Other words than sound hits are always kept. Raises SelectionError as ``condition``.
    """
    constants = list[Constant]()
    node = _with_constants(condition_of(detector, text), constants)
    return Prefilter(sound_or(detector, detector.over_words(node)), tuple(constants))


def _with_constants(node: Node, found: list[Constant]) -> Node:
    """The tree with a column in the place of each constant, which are appended to ``found``."""
    if isinstance(node, Compare) and _is_constant(node):
        assert isinstance(node.right, Literal)
        lo, hi = node.left.lo - 1, node.left.hi + 1
        # Beyond what the other side can be nothing changes any more.
        value = min(max(int(node.right.value), lo), hi)
        # No name that a declaration could have.
        constant = Constant(f"constant {len(found)}", value, lo, hi)
        found.append(constant)
        column = Column(kind="int", lo=lo, hi=hi, name=constant.name)
        return replace(node, left=_with_constants(node.left, found), right=column)
    parts = {name: _parts(value, found) for name, value in _given(node)}
    return replace(node, **parts) if parts else node


def _parts(value: Any, found: list[Constant]) -> Any:
    if isinstance(value, Node):
        return _with_constants(value, found)
    return tuple(_parts(each, found) for each in value) if isinstance(value, tuple) else value


def _is_constant(node: Compare) -> bool:
    left, right = node.left, node.right
    whole = left.kind == right.kind == "int" and not isinstance(left, Literal)
    return whole and isinstance(right, Literal) and left.lo > _LEAST and left.hi < _MOST


def _given(node: Node) -> Iterator[tuple[str, Any]]:
    for each in fields(node):
        if each.init and each.compare:
            yield each.name, getattr(node, each.name)


def _plain(value: Any) -> Any:
    """A tree without the places at which it was written."""
    if isinstance(value, Node):
        return type(value).__name__, [_plain(part) for _, part in _given(value)]
    return [_plain(part) for part in value] if isinstance(value, tuple) else value

"""What a declaration says, read and checked: fields, columns, clock, shape, periods."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from fractions import Fraction
from functools import cached_property
from typing import Any

from db.detector.expression import expression
from db.detector.table import Table
from db.errors import UsageError
from db.selection import Node, Range, parse, tree

WORD = Range(0, tree.UINT64_MAX)
EPOCH = Range(-(2**61), 2**61)
T = Range(-(2**62), 2**62)
"""A word's own time must stay below 2**61, so that ``t`` leaves room to calculate with."""


@dataclass(frozen=True)
class Field:
    """Bits ``low`` to ``low + width - 1`` of the hit's word number ``word``, unsigned."""

    name: str
    word: int
    low: int
    width: int


@dataclass(frozen=True)
class Column:
    """What is calculated from fields, columns before it, and ``t``."""

    name: str
    text: str
    node: Node


@dataclass(frozen=True)
class TextColumn:
    """A column of the detector's text dumps: it shows the field's value plus ``add``."""

    header: str
    field: str
    add: int


@dataclass(frozen=True)
class Shape:
    """How a display draws the elements (wires, pixels, ...) that hits lie on."""

    kind: str
    """A word for the display: cell, module, pixel, ..."""
    element: tuple[str, ...]
    """The columns that together name an element."""
    position_mm: tuple[str, ...]
    """The columns that say where it is; empty if the declaration doesn't know."""
    size_mm: tuple[float, ...]
    """Its size along each of them."""
    view: str | None
    """The column that tells in which projection the position is meant."""


@dataclass(frozen=True, eq=False)
class Detector:
    """A detector as declared, its expressions read and checked. Equal only to itself: compare
    fingerprints.
    """

    name: str
    title: str
    tick: Fraction
    """ns in a tick."""
    wrap: int | None
    """Ticks after which a word's own time starts again; None if it never does."""
    disorder: int
    """Ticks by which a link's word may come after a later one."""
    slice: int
    """Ticks: the longest a chunk can be."""
    words_per_hit: int
    fields: tuple[Field, ...]
    columns: tuple[Column, ...]
    """In order: each may use those before it."""
    time: Node
    """Ticks on the word's own counter, >= 0, as are the following an expression over names."""
    hit: Node
    timed: Node
    """Which words carry a time: hits, and whatever else does."""
    corrupt: Node
    link: Node | None
    """The link of a word, where words of several come in one stream."""
    channel: Node
    """What rates are counted by, a number >= 0: the column of that name, if there is one."""
    text: tuple[TextColumn, ...]
    """In the dump's order; empty if there are no dumps."""
    constants: Mapping[str, float]
    tables: Mapping[str, tuple[float, ...]]
    shape: Shape | None
    fingerprint: str
    """Hash of the values that are in force: it changes whenever a result could."""
    source: str
    """The declaration as it was written."""
    table: Table | None = None
    """How a table's rows become words, if it declares a table in place of fields."""
    periods: tuple[tuple[datetime, "Detector"], ...] = field(default=(), repr=False)
    """From when on which calibration holds, in order; none if the declaration has no dates."""

    def at(self, when: datetime) -> "Detector":
        """The detector with the constants and tables that hold at a moment.

        Raises UsageError for a moment without a zone.
        """
        if when.tzinfo is None:
            raise UsageError(f"calibration at {when}: which zone? Give the date with its zone")
        return next((d for start, d in reversed(self.periods) if start <= when), self)

    def selection(self, text: str, *, channel: bool = False) -> Node:
        """The tree of a selection over the fields, columns and ``t``. Raises SelectionError.

        With ``channel`` it may name what rates are counted by, even if no column is called so.
        """
        known = ranges(self)
        if channel:
            node = self.nodes["channel"]
            known["channel"] = Range(node.lo, node.hi, node.kind)
        return expression(text, known, self.tables, self.constants, "bool")

    def over_words(self, node: Node) -> Node:
        """A tree over fields, columns and ``t`` as one over the words w0, w1, ... and ``epoch``."""
        fields = {each.name: self.nodes[each.name] for each in self.fields}
        return _insert(_insert(node, self.nodes), fields)

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names of fields and columns, in order."""
        return (*(field.name for field in self.fields), *(column.name for column in self.columns))

    @cached_property
    def nodes(self) -> Mapping[str, Node]:
        """What each name stands for, in as few steps as can be.

        A field's node is over the words w0, w1, ...; that of a column, of ``t``, ``hit``,
        ``timed``, ``corrupt``, ``channel``, and of ``link`` if it is declared, over fields and
        ``epoch``.
        """
        flat: dict[str, Node] = {}
        for column in self.columns:
            flat[column.name] = _insert(column.node, flat)
        time = _insert(self.time, flat)
        whole = parse("time + epoch", {"time": Range(time.lo, time.hi), "epoch": EPOCH})
        t = {"t": _insert(whole, {"time": time})}
        flat = {name: _insert(node, t) for name, node in flat.items()} | t
        for name in ("hit", "timed", "corrupt", "channel", "link"):
            node: Node | None = getattr(self, name)
            if node is not None:
                flat[name] = _insert(node, flat)
        return flat | {each.name: bits(each) for each in self.fields}


def ranges(detector: Detector) -> dict[str, Range]:
    """What a selection may be over: the range of every field and column, and of ``t``."""
    nodes = {name: detector.nodes[name] for name in (*detector.column_names, "t")}
    return {name: Range(node.lo, node.hi, node.kind) for name, node in nodes.items()}


def bits(part: Field) -> Node:
    """A field's value, taken from its word."""
    word = f"w{part.word}"
    if part.width == 64:
        return tree.Column(kind="int", name=word, lo=0, hi=tree.UINT64_MAX)
    return parse(f"{word} >> {part.low} & {2**part.width - 1}", {word: WORD})


def _insert(node: Node, nodes: Mapping[str, Node]) -> Node:
    """The tree with other trees in the place of names."""

    def inserted(value: Any) -> Any:
        if isinstance(value, Node):
            return _insert(value, nodes)
        if isinstance(value, tuple):
            return tuple(inserted(part) for part in value)
        return value

    if isinstance(node, tree.Column):
        return nodes.get(node.name, node)
    given = (each.name for each in fields(node) if each.init)
    return replace(node, **{name: inserted(getattr(node, name)) for name in given})

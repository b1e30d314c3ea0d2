"""A detector read from the text of its declaration."""

import json
import keyword
import math
import re
from collections.abc import Mapping
from dataclasses import astuple, replace
from fractions import Fraction
from hashlib import sha256
from itertools import pairwise
from typing import Any

from db.detector.detector import EPOCH, Column, Detector, Field, Shape, T, TextColumn, bits
from db.detector.expression import expression
from db.detector.keys import Keys, suggest
from db.errors import SelectionError, UsageError
from db.selection import Node, Range, names
from db.selection.parse import FUNCTIONS
from db.selection.tree import Kind
from db.time import ticks

_TABLES = ("fields", "clock", "words", "columns", "tables", "constants", "shape", "text")
_NAME = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
# What means something already in a store's views, or among a detector's own expressions.
_TAKEN = re.compile(
    r"t|w\d+|epoch|link|hit|timed|corrupt|words|run_id|seq|detector|t_first|t_last|watermark"
    r"|n_hits|n_corrupt|n_suspect|checksum|recorded_at"
)


def read(declared: Mapping[str, Any], file: str, source: str) -> Detector:
    """The detector of a declaration whose text is ``source``; its periods are left empty.

    Raises DeclarationError with the file, the key and what to do.
    """
    return _Reader(Keys(declared, file)).detector(source)


class _Reader:
    """A declaration as far as it is read: later tables use what earlier ones brought."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self.used: set[str] = set()
        self.constants: dict[str, float] = {}
        self.tables: dict[str, tuple[float, ...]] = {}
        self.ranges: dict[str, Range] = {}
        self.texts: dict[str, str] = {}

    def detector(self, source: str) -> Detector:
        keys = self.keys
        name, title = keys.take("name", str), keys.take("title", str)
        words_per_hit = _whole(keys, "words_per_hit", 1, (1, 16))
        keys.get("calibration", list)
        for table in _TABLES:
            keys.get(table, dict)
        keys.close()
        if not _NAME.fullmatch(name):
            raise keys.wrong("name", f"{name!r}: use small letters, digits and _")
        clock, words = keys.table("clock"), keys.table("words")
        tick = _tick(clock)
        fields = self.fields(words_per_hit)
        self.numbers()
        columns = self.columns()
        hit = words.get("hit", str) or "True"
        wrap = _ticks(clock, "wrap", tick, 1) if "wrap" in clock.values else None
        disorder = _ticks(clock, "disorder", tick, 0)
        if wrap is not None and 2 * disorder >= wrap:
            problem = f"{disorder} ticks: it must be less than half of wrap, to tell them apart"
            raise clock.wrong("disorder", problem)
        time = self.time(clock, columns)
        if wrap is not None and wrap >= 2 * (time.hi + 1):
            problem = f"{wrap} ticks, and time never comes to half of that: a counter wraps sooner"
            raise clock.wrong("wrap", problem)
        detector = Detector(
            name=name,
            title=title,
            tick=tick,
            wrap=wrap,
            disorder=disorder,
            slice=_ticks(clock, "slice", tick, 1),
            words_per_hit=words_per_hit,
            fields=fields,
            columns=columns,
            time=time,
            hit=self.expression(words, "hit", "bool", hit),
            timed=self.expression(words, "timed", "bool", hit),
            corrupt=self.expression(words, "corrupt", "bool", "False"),
            link=self.number(words, "link", 2**16) if "link" in words.values else None,
            channel=self.channel(words),
            text=self.text(fields),
            constants=self.constants,
            tables=self.tables,
            shape=self.shape(),
            fingerprint="",
            source=source,
        )
        clock.close()
        words.close()
        return replace(detector, fingerprint=self.fingerprint(detector))

    def name(self, keys: Keys, name: str) -> str:
        """A name that is new, and fit for SQL and for selections."""
        if not _NAME.fullmatch(name) or keyword.iskeyword(name):
            raise keys.wrong(name, "this is no name: use small letters, digits and _")
        if _TAKEN.fullmatch(name) or name in FUNCTIONS:
            raise keys.wrong(name, "this name has a meaning of its own: choose another one")
        if name in self.used:
            raise keys.wrong(name, "this name is in use already: choose another one")
        self.used.add(name)
        return name

    def fields(self, words_per_hit: int) -> tuple[Field, ...]:
        """The bit fields; none overlaps another."""
        keys = self.keys.table("fields")
        found: list[Field] = []
        for name in keys.values:
            place = keys.table(self.name(keys, name))
            word = _whole(place, "word", 0, (0, words_per_hit - 1))
            match place.take("bits", list):
                case [low, high] if type(low) is type(high) is int and 0 <= low <= high <= 63:
                    found.append(Field(name, word, low, high - low + 1))
                case wrong:
                    raise place.wrong("bits", f"{wrong}: write [lowest, highest], both in 0..63")
            place.close()
        if not found:
            raise keys.wrong("", "there is no field: add one, as in charge = { bits = [0, 7] }")
        for one, other in pairwise(sorted(found, key=lambda field: (field.word, field.low))):
            if one.word == other.word and one.low + one.width > other.low:
                raise keys.wrong(other.name, f"bit {other.low} is a bit of {one.name} already")
        self.ranges = {field.name: _range(bits(field)) for field in found}
        return tuple(found)

    def numbers(self) -> None:
        """Constants and tables."""
        keys = self.keys.table("constants")
        for name, value in keys.values.items():
            self.constants[self.name(keys, name)] = _number(keys, name, value)
        keys = self.keys.table("tables")
        for name in keys.values:
            values = keys.take(self.name(keys, name), list)
            if not values:
                raise keys.wrong(name, "this table is empty: write its numbers")
            self.tables[name] = tuple(_number(keys, name, value) for value in values)

    def columns(self) -> tuple[Column, ...]:
        """The columns, each in the light of those before it."""
        keys, found = self.keys.table("columns"), []
        self.ranges["t"] = T
        for name in keys.values:
            node = self.expression(keys, self.name(keys, name))
            self.ranges[name] = _range(node)
            found.append(Column(name, keys.take(name, str), node))
        return tuple(found)

    def time(self, clock: Keys, columns: tuple[Column, ...]) -> Node:
        """The time on the word's own counter, on which ``t`` builds."""
        node = self.expression(clock, "time", "int")
        late = {"t"}
        for column in columns:
            late |= {column.name} if names(column.node) & late else set()
        if circle := sorted(names(node) & late):
            raise clock.wrong("time", f"{circle[0]} is made from time itself: do without it")
        if node.lo < 0 or node.hi > EPOCH.hi:
            raise clock.wrong("time", f"it may lie in {node.lo}..{node.hi}: keep it in 0..2**61")
        return node

    def channel(self, words: Keys) -> Node:
        """What rates are counted by."""
        column = "channel" in self.ranges
        if column and "channel" in words.values:
            raise words.wrong("channel", "the column channel is what counts: remove one of the two")
        return self.number(words, "channel", 2**63, "channel" if column else "0")

    def number(self, keys: Keys, key: str, stop: int, default: str | None = None) -> Node:
        """An integer expression that stays in 0..stop - 1."""
        node = self.expression(keys, key, "int", default)
        if node.lo < 0 or node.hi >= stop:
            raise keys.wrong(key, f"it may lie in {node.lo}..{node.hi}: keep it in 0..{stop - 1}")
        return node

    def expression(
        self, keys: Keys, key: str, want: Kind | None = None, default: str | None = None
    ) -> Node:
        text = keys.take(key, str) if default is None else keys.get(key, str) or default
        self.texts[keys.place(key)] = re.sub(r" ?([^\w ]) ?", r"\1", " ".join(text.split()))
        try:
            return expression(text, self.ranges, self.tables, self.constants, want)
        except SelectionError as error:
            raise keys.wrong(key, str(error)) from None

    def text(self, fields: tuple[Field, ...]) -> tuple[TextColumn, ...]:
        """The columns of a text dump, which must hold every field once."""
        keys, found = self.keys.table("text"), []
        left = [field.name for field in fields]
        for header, value in keys.values.items():
            place = Keys({"field": value}, "") if isinstance(value, str) else keys.table(header)
            field = place.take("field", str)
            if field not in left:
                raise keys.wrong(header, f"no field {field} is left; {suggest(field, left)}")
            left.remove(field)
            found.append(TextColumn(header, field, place.get("add", int) or 0))
            place.close()
        if found and left:
            raise keys.wrong("", f"a dump must hold every field, but {', '.join(left)} isn't there")
        return tuple(found)

    def shape(self) -> Shape | None:
        """How to draw an element."""
        keys = self.keys.table("shape")
        if not keys.values:
            return None
        shape = Shape(
            kind=keys.take("kind", str),
            element=self.known_names(keys, "element", keys.take("element", list)),
            position_mm=self.known_names(keys, "position_mm", keys.get("position_mm", list) or []),
            size_mm=tuple(self.size(keys, value) for value in keys.get("size_mm", list) or []),
            view=keys.get("view", str),
        )
        self.known_names(keys, "view", [shape.view] if shape.view else [])
        keys.close()
        return shape

    def size(self, keys: Keys, value: object) -> float:
        """A number, or the constant of that name."""
        return _number(keys, "size_mm", self.constants.get(str(value), value))

    def known_names(self, keys: Keys, key: str, wanted: list[object]) -> tuple[str, ...]:
        """Names of fields or columns, each of which there is."""
        named = tuple(map(str, wanted))
        for name in named:
            if name not in self.ranges:
                raise keys.wrong(key, f"there is no column {name}; {suggest(name, self.ranges)}")
        return named

    def fingerprint(self, detector: Detector) -> str:
        """Hash of all that could change a result; how it is written and drawn does not."""
        facts = {
            "clock": [str(detector.tick), detector.wrap, detector.disorder, detector.slice],
            "words_per_hit": detector.words_per_hit,
            "fields": [astuple(field) for field in detector.fields],
            "columns": [column.name for column in detector.columns],
            "expressions": self.texts,
            "text": [astuple(column) for column in detector.text],
            "constants": self.constants,
            "tables": self.tables,
        }
        return sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _range(node: Node) -> Range:
    return Range(node.lo, node.hi, node.kind)


def _tick(clock: Keys) -> Fraction:
    """One tick in ns, exactly."""
    value = clock.take("tick_ns", object)
    try:
        tick = Fraction(value) if isinstance(value, int | str) else Fraction(0)
    except (ValueError, ZeroDivisionError):
        tick = Fraction(0)
    if tick <= 0:
        raise clock.wrong("tick_ns", f"{value!r}: write a number of ns, or a fraction as '25/30'")
    return tick


def _ticks(clock: Keys, key: str, tick: Fraction, least: int) -> int:
    value = clock.take(key, object)
    try:
        found = ticks(value, tick) if isinstance(value, int | str) else -1
    except UsageError as error:
        raise clock.wrong(key, str(error)) from None
    if not least <= found <= EPOCH.hi:
        raise clock.wrong(key, f"{value!r}: write {least} ticks or more, or a time as '10 ms'")
    return found


def _whole(keys: Keys, key: str, default: int, within: tuple[int, int]) -> int:
    value = keys.get(key, int)
    value = default if value is None else value
    if not within[0] <= value <= within[1]:
        raise keys.wrong(key, f"{value}: it must lie in {within[0]}..{within[1]}")
    return value


def _number(keys: Keys, key: str, value: object) -> float:
    """An int of 64 bits or a finite float."""
    match value:
        case int() if not isinstance(value, bool) and -(2**63) <= value < 2**63:
            return value
        case float() if math.isfinite(value):
            return value
    raise keys.wrong(key, f"{value!r} is no finite number")

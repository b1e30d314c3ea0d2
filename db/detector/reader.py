"""A detector read from the text of its declaration."""

import json
import re
from dataclasses import astuple, replace
from fractions import Fraction
from hashlib import sha256
from itertools import pairwise

from db.detector.detector import EPOCH, Column, Detector, Field, Shape, T, TextColumn, bits
from db.detector.expression import expression
from db.detector.keys import FollowsError, Keys, suggest
from db.detector.values import (
    bits_of,
    check_name,
    number,
    own_name,
    tick_of,
    ticks_of,
    whole,
    wrap_of,
)
from db.errors import SelectionError
from db.selection import Node, Range, names, parse
from db.selection.tree import Kind

_TABLES = ("fields", "clock", "words", "columns", "tables", "constants", "shape", "text")
TOP = ("name", "title", "words_per_hit", "calibration", *_TABLES)
"""What a declaration may hold."""


def read(keys: Keys, source: str) -> Detector:
    """The detector of a declaration whose text is ``source``; its periods are left empty.

    Raises DeclarationError with a line for each fault, those that are noted already among them:
    the file, the key and what to do.
    """
    return _Reader(keys).detector(source)


NOTHING = parse("0", {})
"""In the place of an expression that is wrong."""


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
        name = keys.tried("", "", own_name, keys)
        title = keys.tried("", "", keys.take, "title", str)
        words_per_hit = keys.tried("", 16, whole, keys, "words_per_hit", 1, (1, 16))
        clock, words = keys.table("clock"), keys.table("words")
        tick = clock.tried("", Fraction(1), tick_of, clock)
        fields = self.fields(words_per_hit)
        self.numbers()
        columns = self.columns()
        wrap = clock.tried("", None, wrap_of, clock, tick)
        disorder = clock.tried("", 0, ticks_of, clock, "disorder", tick, 0)
        slice_ = clock.tried("", 1, ticks_of, clock, "slice", tick, 1)
        time = clock.tried("", NOTHING, self.time, clock, columns)
        hit_text = words.tried("", None, words.get, "hit", str) or "True"
        hit = self.tried(words, "hit", "bool", hit_text)
        told = hit is NOTHING and "timed" not in words.values
        detector = Detector(
            name=name,
            title=title,
            tick=tick,
            wrap=wrap,
            disorder=disorder,
            slice=slice_,
            words_per_hit=words_per_hit,
            fields=fields,
            columns=columns,
            time=time,
            hit=hit,
            timed=hit if told else self.tried(words, "timed", "bool", hit_text),
            corrupt=self.tried(words, "corrupt", "bool", "False"),
            link=words.tried("", None, self.link, words),
            channel=words.tried("", NOTHING, self.channel, words),
            text=self.text(fields),
            constants=self.constants,
            tables=self.tables,
            shape=keys.tried("", None, self.shape),
            fingerprint="",
            source=source,
        )
        clock.close()
        words.close()
        if clock.sound:
            _check_wrap(clock, detector)
        keys.faults.refuse()
        return replace(detector, fingerprint=self.fingerprint(detector))

    def name(self, keys: Keys, name: str) -> str:
        """A name that is new, and fit for SQL and for selections."""
        check_name(keys, name)
        if name in self.used:
            raise keys.wrong(name, "this name is in use already: choose another one")
        self.used.add(name)
        return name

    def fields(self, words_per_hit: int) -> tuple[Field, ...]:
        """The bit fields; none overlaps another."""
        keys = self.keys.table("fields")
        if not keys.values:
            problem = "there is no field: add one, as in charge = { bits = [0, 7] }"
            keys.note(keys.wrong("", problem))
        read = [keys.tried(n, None, self.field, keys, n, words_per_hit) for n in keys.values]
        found = [field for field in read if field is not None]
        for one, other in pairwise(sorted(found, key=lambda field: (field.word, field.low))):
            if one.word == other.word and one.low + one.width > other.low:
                problem = f"bit {other.low} is a bit of {one.name} already"
                keys.note(keys.wrong(other.name, problem))
        self.ranges = {field.name: _range(bits(field)) for field in found}
        return tuple(found)

    def field(self, keys: Keys, name: str, words_per_hit: int) -> Field:
        """Where the bits of one field lie."""
        place = keys.table(self.name(keys, name))
        word = place.tried("", 0, whole, place, "word", 0, (0, words_per_hit - 1))
        low, high = place.tried("", (0, 0), bits_of, place)
        place.finish()
        return Field(name, word, low, high - low + 1)

    def numbers(self) -> None:
        """Constants and tables."""
        keys = self.keys.table("constants")
        for name, value in keys.values.items():
            number = keys.tried(name, None, self.constant, keys, name, value)
            if number is not None:
                self.constants[name] = number
        keys = self.keys.table("tables")
        for name in keys.values:
            values = keys.tried(name, None, self.table, keys, name)
            if values is not None:
                self.tables[name] = values

    def constant(self, keys: Keys, name: str, value: object) -> float:
        """A number of a new name."""
        return number(keys, self.name(keys, name), value)

    def table(self, keys: Keys, name: str) -> tuple[float, ...]:
        """The numbers of a table of a new name."""
        values = keys.take(self.name(keys, name), list)
        if not values:
            raise keys.wrong(name, "this table is empty: write its numbers")
        return tuple(number(keys, name, value) for value in values)

    def columns(self) -> tuple[Column, ...]:
        """The columns, each in the light of those before it."""
        keys, found = self.keys.table("columns"), []
        self.ranges["t"] = T
        for name in keys.values:
            node = keys.tried(name, None, self.column, keys, name)
            if node is not None:
                self.ranges[name] = _range(node)
                found.append(Column(name, keys.take(name, str), node))
        return tuple(found)

    def column(self, keys: Keys, name: str) -> Node:
        """The expression of a column of a new name."""
        return self.expression(keys, self.name(keys, name))

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

    def link(self, words: Keys) -> Node | None:
        """The link of a word, None where it is not declared."""
        return self.number(words, "link", 2**16) if "link" in words.values else None

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

    def tried(self, keys: Keys, key: str, want: Kind, default: str) -> Node:
        """An expression; what is wrong with it is noted."""
        return keys.tried("", NOTHING, self.expression, keys, key, want, default)

    def expression(
        self, keys: Keys, key: str, want: Kind | None = None, default: str | None = None
    ) -> Node:
        text = keys.take(key, str) if default is None else keys.get(key, str) or default
        self.texts[keys.place(key)] = re.sub(r" ?([^\w ]) ?", r"\1", " ".join(text.split()))
        try:
            return expression(text, self.ranges, self.tables, self.constants, want)
        except SelectionError as error:
            if self.keys.faults.touch(text):
                raise FollowsError from None
            raise keys.wrong(key, str(error)) from None

    def text(self, fields: tuple[Field, ...]) -> tuple[TextColumn, ...]:
        """The columns of a text dump, which must hold every field once."""
        keys, left = self.keys.table("text"), [field.name for field in fields]
        read = [keys.tried("", None, self.text_column, keys, each, left) for each in keys.values]
        found = tuple(each for each in read if each is not None)
        if found and left and len(found) == len(read):
            problem = f"a dump must hold every field, but {', '.join(left)} isn't there"
            keys.note(keys.wrong("", problem))
        return found

    def text_column(self, keys: Keys, header: str, left: list[str]) -> TextColumn:
        """A column of a dump; its field is one of those left, and is taken from them."""
        value = keys.values[header]
        short = isinstance(value, str)
        place = keys.part(header, {"field": value}) if short else keys.table(header)
        field = place.tried("", "", place.take, "field", str)
        add = place.tried("", None, place.get, "add", int) or 0
        place.finish()
        if field not in left:
            if self.keys.faults.touch(field):
                raise FollowsError
            raise keys.wrong(header, f"no field {field} is left; {suggest(field, left)}")
        left.remove(field)
        return TextColumn(header, field, add)

    def shape(self) -> Shape | None:
        """How to draw an element."""
        keys = self.keys.table("shape")
        if not keys.values:
            return None
        element = keys.tried("", None, keys.take, "element", list)
        position = keys.tried("", None, keys.get, "position_mm", list)
        sizes = keys.tried("", None, keys.get, "size_mm", list)
        shape = Shape(
            kind=keys.tried("", "", keys.take, "kind", str),
            element=self.names_of(keys, "element", element or []),
            position_mm=self.names_of(keys, "position_mm", position or []),
            size_mm=tuple(keys.tried("", 0.0, self.size, keys, value) for value in sizes or []),
            view=keys.tried("", None, keys.get, "view", str),
        )
        self.names_of(keys, "view", [shape.view] if shape.view else [])
        keys.close()
        return shape

    def size(self, keys: Keys, value: object) -> float:
        """A number, or the constant of that name."""
        if self.keys.faults.touch(str(value)):
            raise FollowsError
        return number(keys, "size_mm", self.constants.get(str(value), value))

    def names_of(self, keys: Keys, key: str, wanted: list[object]) -> tuple[str, ...]:
        """Names of fields or columns; one that there isn't is noted."""
        named = tuple(map(str, wanted))
        for name in named:
            if name not in self.ranges and not self.keys.faults.touch(name):
                problem = f"there is no column {name}; {suggest(name, self.ranges)}"
                keys.note(keys.wrong(key, problem))
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


def _check_wrap(clock: Keys, detector: Detector) -> None:
    """Note where a clock starts again too early or too late to tell its turns apart."""
    wrap, disorder = detector.wrap, detector.disorder
    if wrap is not None and 2 * disorder >= wrap:
        problem = f"{disorder} ticks: it must be less than half of wrap, to tell them apart"
        clock.note(clock.wrong("disorder", problem))
    if wrap is not None and wrap >= 2 * (detector.time.hi + 1):
        problem = f"{wrap} ticks, and time never comes to half of that: a counter wraps sooner"
        clock.note(clock.wrong("wrap", problem))

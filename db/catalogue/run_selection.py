"""Selections of runs, over their fields and tags: ``beam_energy_GeV > 20 and 'hv' in tags``.

The language is that of ``db.selection``. What is said about texts is taken out first (comparisons
of a field with a text, ``'x' in tags``, ``'x' in fields``): the rest is numbers, yes and no.

A number that a run lacks, or that is a text there, is NaN: it is neither less than, nor equal to,
nor greater than anything. So ``x <= 20`` does not find a run without x; ``x != 20`` does.
"""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal

import numpy as np

from db.catalogue.annotations import OF_EVERY_RUN, known_names
from db.detector.keys import suggest
from db.engine import Engine, Value
from db.errors import SelectionError
from db.json_text import json_text
from db.selection import Node, Range, names, parse, to_numpy, to_sql
from db.selection.parse import MAX_CHARACTERS
from db.selection.tree import Choose, Logic, Not

MOST_TEXTS = 99
_NO_TEXTS = ("run", "tags", "fields")


@dataclass(frozen=True)
class About:
    """What a yes or no of the expression says about texts: ``name`` is one of ``texts``, or not."""

    name: str
    """Of a field, or what every run has; empty for tags and fields."""
    texts: tuple[str, ...]
    of: Literal["texts", "tags", "fields"] = "texts"
    negated: bool = False


@dataclass(frozen=True)
class RunSelection:
    """A selection of runs, understood."""

    node: Node
    """Over the fields that are numbers, yes or no, over ``run``, and the names in ``about``."""
    about: Mapping[str, About]
    fields: Mapping[str, tuple[int, int]]
    """The fields whose values are asked for, with their places in the text."""
    flags: frozenset[str]
    """Those of them that are asked for yes or no."""
    text: str


def parse_run_selection(text: str) -> RunSelection:
    """Return what a text selects; raises SelectionError that points into it."""
    text = re.sub(r"\s", " ", text)
    tree = _tree(text)
    if tree is None:  # the language says what is wrong with it
        plain = re.sub(r"'[^']*'|\"[^\"]*\"", lambda quoted: "0".ljust(len(quoted[0])), text)
        _understood(plain, {}, text)
        raise SelectionError("not an expression", text, 0, len(text))
    about, fields, rest = dict[str, About](), dict[str, tuple[int, int]](), text
    said = {
        part: each
        for part in ast.walk(tree)
        if isinstance(part, ast.Compare) and (each := _about(part, text))
    }
    inside = {id(child) for told in said for child in ast.walk(told)}
    for told, each in said.items():
        a, b = _span(told, text)
        if len(about) == MOST_TEXTS:
            raise SelectionError(f"more than {MOST_TEXTS} texts: make it shorter", text, a, b)
        about[f"_{len(about)}"] = each
        rest = rest[:a] + f" _{len(about) - 1}".ljust(b - a) + rest[b:]  # places stay as they are
        if each.of == "texts" and each.name not in OF_EVERY_RUN:
            fields[each.name] = a, b
    called = {id(part.func) for part in ast.walk(tree) if isinstance(part, ast.Call)}
    for part in ast.walk(tree):
        if isinstance(part, ast.Name) and id(part) not in inside | called and part.id != "run":
            fields[part.id] = at = _span(part, text)
            if part.id in ("tags", "fields"):
                raise SelectionError(f"write 'a name' in {part.id}", text, *at)
            if part.id in OF_EVERY_RUN:
                raise SelectionError(f"{part.id} is a text: compare it with one", text, *at)
    flags = frozenset(_flags(tree)) & fields.keys()
    columns = {name: Range(kind="bool" if name in flags else "float") for name in fields}
    columns |= {name: Range(kind="bool") for name in about} | {"run": Range(0, 2**32 - 1)}
    node = _understood(rest, columns, text)
    return RunSelection(node, about, fields, flags, text)


def check_fields(engine: Engine, selection: RunSelection) -> None:
    """Raise SelectionError for a field that no run ever had, with those that come near."""
    known = known_names(engine, tag=False, among=list(selection.fields))
    for name, (a, b) in selection.fields.items():
        if name not in known:
            near = suggest(name, sorted(known_names(engine, tag=False)))
            raise SelectionError(f"no run has a field {name}: {near}", selection.text, a, b)


def selection_sql(selection: RunSelection, within: str) -> tuple[str, dict[str, Value]]:
    """Return a condition over ``runs``, and its parameters.

    ``within`` is a condition over ``run_id`` that holds for all runs of interest: what is said of
    others is not read.
    """
    writer = _Writer(selection, within)
    return writer.condition(selection.node), writer.params


class _Writer:
    """Writes the parts of an expression that are about the run's own columns as they are, and
    those about fields and tags as the set of runs for which they hold.
    """

    def __init__(self, selection: RunSelection, within: str) -> None:
        self.about, self.flags, self.text = selection.about, selection.flags, selection.text
        self.within = within
        self.params: dict[str, Value] = {}

    def condition(self, node: Node) -> str:
        own = {name for name in names(node) if self.is_own(name)}
        if own == names(node):
            return to_sql(node, {name: self.own(name) for name in own})
        if not own:
            return self.runs_with(node)
        match node:
            case Logic(op=op, parts=parts):
                apart: dict[bool, list[Node]] = {True: [], False: []}
                for part in parts:
                    apart[any(map(self.is_own, names(part)))].append(part)
                said = apart[False]
                if len(said) > 1:  # one set for all that is said
                    said = [Logic(kind="bool", op=op, parts=tuple(said), lo=0, hi=1)]
                both = [self.condition(part) for part in [*said, *apart[True]]]
                return f"({f' {op} '.join(both)})"
            case Not(part=part):
                return f"not({self.condition(part)})"
            case Choose(kind="bool", condition=which, yes=yes, no=no):
                return f"if({', '.join(self.condition(part) for part in (which, yes, no))})"
        problem = "run and fields can't be put together in one comparison"
        raise SelectionError(problem, self.text, node.start, node.stop)

    def is_own(self, name: str) -> bool:
        return name == "run" or (name in self.about and self.about[name].name in OF_EVERY_RUN)

    def own(self, name: str) -> str:
        if name == "run":
            return "run_id"
        each = self.about[name]
        return _negated(each, f"has({self.param(each.texts)}, {each.name})")

    def runs_with(self, node: Node) -> str:
        """The runs for which an expression over fields and tags holds.

        Where it holds for runs of which nothing is said, those are left out for which it does not.
        """
        bind, lacking = dict[str, str](), dict[str, bool | float]()
        columns = dict[str, tuple[bool, str]]()
        for name in sorted(names(node)):
            bind[name], lacking[name] = self.column(name, columns)
        holds = bool(to_numpy(node, {k: np.array([v]) for k, v in lacking.items()})[0])
        keys = {
            key: f"(tag = {key[0]:d} AND name = {self.param(key[1])})"
            for key in dict.fromkeys(columns.values())
        }
        alone = len(keys) == 1  # then each row is about it
        newest = ""
        for column, key in columns.items():
            kind = "number" if column[0] == "n" else "value"
            if alone:
                newest += f", argMax({kind}, revision) AS {column}"
            else:
                found = f"argMaxIf({kind}, revision, {keys[key]})"
                lacks = f"if(countIf({keys[key]}) = 0, nan, {found})"
                newest += f", {lacks if kind == 'number' else found} AS {column}"
        wanted = to_sql(node, bind)
        inner = (
            f"SELECT run_id{newest} FROM annotations WHERE {self.within}"
            f" AND ({' OR '.join(keys.values())}) GROUP BY run_id"
        )
        kept = f"NOT ({wanted})" if holds else wanted
        sign = "NOT IN" if holds else "IN"
        return f"run_id {sign} (SELECT run_id FROM ({inner}) WHERE {kept})"

    def column(self, name: str, columns: dict[str, tuple[bool, str]]) -> tuple[str, bool | float]:
        """What stands for a name, and its value for a run of which nothing is said.

        Into ``columns`` go the ones needed: n for numbers, v for values, and what they are about.
        """
        each = self.about.get(name)
        if each is None or each.of == "texts":
            key = False, each.name if each else name
        else:
            key = each.of == "tags", each.texts[0]
        as_number = each is None and name not in self.flags
        known = {of: column for column, of in columns.items() if (column[0] == "n") == as_number}
        column = known.get(key, f"{'n' if as_number else 'v'}{len(columns)}")
        columns[column] = key
        if each is None:
            return (column, np.nan) if as_number else (f"{column} = 'true'", False)
        if each.of == "texts":
            written = [json_text(text) for text in each.texts]
            return _negated(each, f"has({self.param(written)}, {column})"), each.negated
        return _negated(each, f"{column} != ''"), each.negated

    def param(self, value: str | Sequence[str]) -> str:
        name = f"s{len(self.params)}"
        self.params[name] = value if isinstance(value, str) else list(value)
        return f"{{{name}:{'String' if isinstance(value, str) else 'Array(String)'}}}"


def _negated(each: About, sql: str) -> str:
    return f"not({sql})" if each.negated else sql


def _understood(rest: str, columns: Mapping[str, Range], text: str) -> Node:
    """What the language makes of a text whose places are those of another, which errors show."""
    try:
        return parse(rest, columns, want="bool")
    except SelectionError as fault:
        raise SelectionError(fault.problem, text, fault.start, fault.stop) from None


def _tree(text: str) -> ast.expr | None:
    """Python's syntax tree of a text; None of one that is no expression."""
    if len(text) > MAX_CHARACTERS:
        return None
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _flags(tree: ast.expr) -> Iterator[str]:
    """Yield the names that stand where a yes or no is needed."""
    wanted = [tree]
    for part in ast.walk(tree):
        match part:
            case ast.BoolOp(values=values):
                wanted += values
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                wanted.append(operand)
            case ast.IfExp(test=test):
                wanted.append(test)
            case ast.Compare(left=left, comparators=others) if any(
                isinstance(each, ast.Constant) and isinstance(each.value, bool)
                for each in (left, *others)
            ):
                wanted += [left, *others]
    for part in wanted:  # it grows
        if isinstance(part, ast.IfExp):
            wanted += [part.body, part.orelse]
        elif isinstance(part, ast.Name):
            yield part.id


def _about(part: ast.Compare, text: str) -> About | None:
    """Return what a comparison says about texts; None of one that is about numbers."""
    sides = [part.left, *part.comparators]
    lists = [each.elts for each in sides if isinstance(each, ast.Tuple | ast.List | ast.Set)]
    if not any(map(_is_text, [*sides, *chain.from_iterable(lists)])):
        return None
    negated = isinstance(part.ops[0], ast.NotEq | ast.NotIn)
    match part:
        case ast.Compare(
            left=ast.Constant(value=str() as name),
            ops=[ast.In() | ast.NotIn()],
            comparators=[ast.Name(id="tags" | "fields" as of)],
        ):
            return About("", (name,), "tags" if of == "tags" else "fields", negated)
        case (
            ast.Compare(
                left=ast.Name(id=name),
                ops=[ast.Eq() | ast.NotEq()],
                comparators=[ast.Constant(value=str() as wanted)],
            )
            | ast.Compare(
                left=ast.Constant(value=str() as wanted),
                ops=[ast.Eq() | ast.NotEq()],
                comparators=[ast.Name(id=name)],
            )
        ) if name not in _NO_TEXTS:
            return About(name, (wanted,), negated=negated)
        case ast.Compare(
            left=ast.Name(id=name),
            ops=[ast.In() | ast.NotIn()],
            comparators=[ast.Tuple(elts=members) | ast.List(elts=members) | ast.Set(elts=members)],
        ) if name not in _NO_TEXTS and all(map(_is_text, members)):
            texts = [each.value for each in members if isinstance(each, ast.Constant)]
            return About(name, tuple(map(str, texts)), negated=negated)
    raise SelectionError(
        "texts go with ==, != and in: gas == 'CO2', gas in ('CO2', 'Ar'), 'a tag' in tags",
        text,
        *_span(part, text),
    )


def _is_text(part: ast.expr) -> bool:
    return isinstance(part, ast.Constant) and isinstance(part.value, str)


def _span(part: ast.expr, text: str) -> tuple[int, int]:
    """The half-open range of characters of a part; the tree counts bytes."""
    whole, indent = text.strip().encode(), len(text) - len(text.lstrip())
    a, b = part.col_offset, part.end_col_offset or part.col_offset + 1
    return indent + len(whole[:a].decode()), indent + len(whole[:b].decode())

"""The engine's own reading of a statement: its tree, taken without running anything."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa

from db.engine import Engine, Value
from db.errors import EveryhitError, SqlError, StoreError


@dataclass(frozen=True)
class Node:
    """A node of the engine's tree."""

    depth: int
    kind: str
    name: str
    """Of a function, table or column; of a literal, its text and more."""


def canonical(engine: Engine, sql: str) -> str:
    """Return a statement as the engine spells it, in one line and without comments.

    The text is only an argument here, so that nothing in it runs. Raises SqlError with the place
    where it is no single statement.
    """
    try:
        found = engine.fetch("SELECT formatQuerySingleLine({sql:String}) AS sql", {"sql": sql})
    except StoreError as fault:
        raise _unreadable(sql, fault) from None
    return "\n".join(_lines(found["sql"]))


def read(engine: Engine, sql: str, params: Mapping[str, Value]) -> Iterator[Node]:
    """Yield the nodes of the engine's tree of a statement, each before its children.

    The statement doesn't run. Call it with what ``canonical`` returned: of two statements the
    embedded engine would run the second.
    """
    try:
        found = engine.fetch(f"EXPLAIN AST {sql}", params)
    except StoreError as fault:
        raise _unreadable(sql, fault) from None
    for line in _lines(found["explain"]):
        if match := _LINE.match(line):
            rest = _CHILDREN.sub("", line[match.end() :])
            name = rest if match["kind"] == "Literal" else rest.split(" (alias ")[0]
            yield Node(len(match["indent"]), match["kind"], name.removeprefix(" "))
        elif line:
            raise SqlError(f"a name in the SQL spans several lines, at {line[:40]!r}")


_LINE = re.compile(r"(?P<indent> *)(?P<kind>[A-Za-z:]+)(?= |$)")
_CHILDREN = re.compile(r" \(children \d+\)\Z")


def _lines(column: pa.ChunkedArray) -> list[str]:
    try:
        rows = [each.decode() for each in column.cast(pa.binary()).to_pylist()]
    except UnicodeDecodeError:
        raise SqlError("a text in the SQL is no UTF-8: write its bytes with unhex('...')") from None
    return [line for row in rows for line in row.split("\n")]


def _unreadable(sql: str, fault: StoreError) -> EveryhitError:
    """Return the error for what the engine says of a statement that it can't read."""
    if not fault.of_the_query:
        return fault
    said = re.split(r": In scope |\. Expected one of", str(fault))[0]
    if "Multi-statements" in said:
        return SqlError("one SELECT is expected, here are more statements")
    at = re.search(r"failed at position (\d+)", said)
    if at is None:
        return SqlError(f"the SQL can't be read: {said[:200]}")
    before = sql.encode()[: int(at[1]) - 1].decode(errors="ignore")
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    what = said.split(at[0], 1)[1].strip(" :.")[:80]
    return SqlError(f"the SQL can't be read at line {line}, column {column}: {what}")

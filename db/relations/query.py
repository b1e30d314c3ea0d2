"""Answers a user's SELECT over relations."""

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

import polars as pl
import pyarrow as pa

from db.engine import Engine, Params
from db.errors import StoreError, UnknownColumnError
from db.relations.away import with_words
from db.relations.relation import Relation, select_of
from db.user_sql.confine import UserSelect, bound
from db.user_sql.limits import fetch_limited

T = TypeVar("T")


def bind(engine: Engine, query: UserSelect, relations: Mapping[str, Relation]) -> str:
    """Return a checked SELECT as SQL in which relations stand for their names.

    Only relations that it reads are looked at.
    """
    used = _used(query, relations)
    return bound(query, {name: select_of(engine, each) for name, each in used.items()})


def _used(query: UserSelect, relations: Mapping[str, Relation]) -> dict[str, Relation]:
    return {name: each for name, each in relations.items() if name in query.tables}


def fetch_query(
    engine: Engine,
    query: UserSelect,
    relations: Mapping[str, Relation],
    seconds: float | None = None,
    rows: int | None = None,
) -> pa.Table:
    """Return the result of a checked SELECT, with bounds if ``seconds`` is given.

    Raises StoreError where it fails, or passes a bound.
    """

    def ask(sql: str) -> pa.Table:
        if seconds is None:
            return engine.reader.fetch(sql)
        return fetch_limited(engine, sql, None, seconds, rows)

    return ask_bound(engine, query, relations, ask)


def fetch_text(
    engine: Engine, query: UserSelect, relations: Mapping[str, Relation], form: str
) -> tuple[list[tuple[str, str]], list[str]]:
    """Return name and type of the columns of a checked SELECT, and its rows as lines of text.

    ``form`` is one of the engine's own: CSV, TSV, JSONEachRow. Raises StoreError where it fails.
    """

    def ask(sql: str) -> pa.Table:
        return engine.reader.fetch(f"SELECT formatRow('{form}', *) AS line FROM ({sql})")["line"]

    lines = ask_bound(engine, query, relations, ask)
    columns = columns_of(engine, bind(engine, query, relations))
    return columns, [line.removesuffix("\n") for line in lines.to_pylist()]


def ask_bound(
    engine: Engine, query: UserSelect, relations: Mapping[str, Relation], ask: Callable[[str], T]
) -> T:
    """Return what ``ask`` makes of a checked SELECT over relations, which it gets as SQL.

    Raises what it raises, and as ``with_words``.
    """
    used = _used(query, relations)
    return with_words(engine, used, lambda names: ask(bind(engine, query, names)))


def fetch_bound(engine: Engine, sql: str, params: Params) -> pl.DataFrame:
    """Return the rows of a trigger's SELECT whose names ``bind`` has bound, without a limit."""
    return pl.DataFrame(pl.from_arrow(engine.fetch(sql, params)))


def columns_of(engine: Engine, sql: str, params: Params | None = None) -> list[tuple[str, str]]:
    """Return name and type of what a SELECT returns, in the engine's own words.

    Raises UnknownColumnError where it names a column that is not there.
    """
    try:
        return engine.reader.describe(sql, params)
    except StoreError as fault:
        if unknown := _UNKNOWN.search(str(fault)):
            raise UnknownColumnError(f"there is no column {unknown[1]}") from None
        raise


_UNKNOWN = re.compile(r"Unknown expression(?: or function)? identifier [`']([^`']+)[`']")

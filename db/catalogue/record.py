"""Rows of the tables in which the newest revision of a key counts."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from db.engine import Engine, Params
from db.engine.once import insert_once

_NONE: Params = {}
_STAMP = pa.timestamp("us", "UTC")
_KINDS = {
    "revision": pa.uint64(),
    "run_id": pa.uint32(),
    "number": pa.uint32(),
    "link": pa.uint16(),
    "cell": pa.int64(),
    "a": pa.int64(),
    "b": pa.int64(),
    "reach": pa.int64(),
    "origin": pa.int64(),
    "first_seq": pa.uint64(),
    "stop_seq": pa.uint64(),
    "n_hits": pa.uint64(),
    "done": pa.uint64(),
    "total": pa.uint64(),
    "words": pa.uint64(),
    "bytes": pa.uint64(),
    "raw_days": pa.uint32(),
    "older_days": pa.uint32(),
    "all_days": pa.uint32(),
    "hour": pa.timestamp("s", "UTC"),
    "since": pa.timestamp("ms", "UTC"),
    "started_at": _STAMP,
    "stopped_at": _STAMP,
    "recorded_at": _STAMP,
    "created_at": _STAMP,
    "expires_at": _STAMP,
    "given_at": _STAMP,
    "asked_at": _STAMP,
}
"""A column of a name has this type in every such table; texts and booleans are not listed."""


def enter(engine: Engine, table: str, row: Mapping[str, Any]) -> None:
    """Insert a row."""
    engine.insert(table, _as_table(row))


def enter_first(engine: Engine, table: str, row: Mapping[str, Any], key: Sequence[str]) -> None:
    """Insert a row: of those with the same whole numbers in ``key`` the store keeps the first.

    Whoever enters one looks afterwards whose it is.
    """
    values = {name: row[name] for name in key}
    where = " AND ".join(f"{name} = {{{name}:UInt64}}" for name in key)

    def is_there() -> bool:
        found = engine.fetch(f"SELECT count() AS n FROM {table} WHERE {where}", values)
        return bool(found["n"][0].as_py())

    token = " ".join([table, *map(str, values.values())])
    insert_once(engine, table, _as_table(row), token, is_there)


def _as_table(row: Mapping[str, Any]) -> pa.Table:
    return pa.table({name: pa.array([value], _KINDS.get(name)) for name, value in row.items()})


def last_revision(engine: Engine, table: str, where: str = "true", params: Params = _NONE) -> int:
    """Return the newest revision of the rows that meet a condition; 0 where there are none.

    ``where`` is our own SQL; what users give goes into ``params``.
    """
    found = engine.fetch(f"SELECT max(revision) AS last FROM {table} WHERE {where}", params)
    return int(found["last"][0].as_py())

"""The engine that speaks ClickHouse's SQL: one dialect, whatever carries it.

``chdb`` is the engine inside this process, ``clickhouse`` are servers. Everything above speaks to
the protocol below.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import pyarrow as pa

from db.errors import StoreError

Value = int | float | str | Sequence[int] | Sequence[str]
Params = Mapping[str, Value]
Bounds = Mapping[str, float]
"""Settings of the engine that bound what a statement costs."""


LONGEST = 1 << 26
"""Bytes of a statement: a declaration's tables stand in it."""


class Reader(Protocol):
    """The store for SQL that people wrote: it may read what a query needs, within bounds."""

    def fetch(
        self, sql: str, params: Params | None = None, bounds: Bounds | None = None
    ) -> pa.Table:
        """Return the result of a SELECT; raises StoreError where it passes a bound.

        ``bounds`` tighten those of the reader, except on servers, where nobody can move them.
        """

    def describe(self, sql: str, params: Params | None = None) -> list[tuple[str, str]]:
        """Return name and type of what a SELECT returns, in the engine's own words."""


class Engine(Protocol):
    """Runs SQL with ClickHouse's own ``{name:Type}`` parameters, from any thread.

    A store may lie on several shards. What is read is always the whole store; what is inserted
    lands on one shard, see ``db.words.shards``.
    """

    @property
    def database(self) -> str:
        """The database in which names without one are looked up."""

    @property
    def shards(self) -> "Sequence[Engine]":
        """The store from the point of view of each shard: what is inserted there lands on it."""

    @property
    def inserts_at_once(self) -> int:
        """How many inserts into a shard are worth having under way: on a server, one is sent while
        another is written."""

    @property
    def keeps_tokens(self) -> bool:
        """Whether it knows after a kill which blocks it was sent; see ``db.engine.once``."""

    @property
    def here(self) -> "Engine":
        """This shard alone: reads and writes what lies on it."""

    @property
    def reader(self) -> Reader:
        """The same store for SQL that people wrote."""

    def execute(self, sql: str, params: Params | None = None) -> None:
        """Run a statement that returns nothing; raises StoreError with the engine's words."""

    def define(self, sql: str) -> None:
        """Run a CREATE of a table or a view on every shard; doing it again changes nothing."""

    def fetch(self, sql: str, params: Params | None = None) -> pa.Table:
        """Return the result of a SELECT as an Arrow table, uncompressed and without copies."""

    def insert(self, table: str, rows: pa.Table, token: str | None = None) -> None:
        """Insert the rows as one block. With a token, a repeated insert is stored once."""

    def close(self) -> None:
        """Release the engine. Further calls raise StoreError."""


def answers(engine: Engine) -> bool:
    """Return whether the engine answers a statement."""
    try:
        engine.fetch("SELECT 1")
    except StoreError:
        return False
    return True

"""The engine on servers, over the native protocol."""

import os
import re
import threading
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from clickhouse_driver import errors

from db.engine import LONGEST, Bounds, Params
from db.engine.address import Address
from db.engine.errors import store_error_from
from db.engine.native.connection import ArrowConnection
from db.engine.reader_account import reader_of
from db.engine.replicated import replicated
from db.errors import StoreError

# Tables of which a newer row replaces an older one, which the engine can see only side by side.
_ON_THE_FIRST_SHARD = {
    "runs",
    "lineages",
    "lineage_runs",
    "orders",
    "origins",
    "triggers",
    "tokens",
    "posts",
    "post_takers",
    "retention_policies",
    "retention_pins",
    "alarms",
}
_CREATES = re.compile(
    r"^\s*CREATE (?P<kind>TABLE|VIEW|MATERIALIZED VIEW) (IF NOT EXISTS )?(?P<name>\w+)",
    re.MULTILINE,
)


class ClickHouseEngine:
    """A store on one or more servers, from the point of view of one shard.

    What is read is the whole store; what is inserted lands on this shard, except the catalogue,
    which lives on the first. Each thread has a connection of its own; one that died is replaced.
    """

    def __init__(
        self,
        address: Address,
        home: int = 0,
        database: str = "",
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.database = database or address.database
        """The database in which names without one are looked up."""
        self.here = self
        """The same shard alone: reads and writes what lies on it."""
        self.shards: Sequence[ClickHouseEngine] = (self,)
        """The store from the point of view of each shard."""
        self.keeps_tokens = True
        """A killed server knows what it was sent; only a power cut takes that."""
        self.inserts_at_once = 2
        """Inserts into a shard that are worth having under way."""
        self.reader = ReaderAccount(self)
        """The store for SQL that people wrote; see ``db.engine.reader_account``."""
        self.address = address
        self._host, self._port = address.hosts[home]
        self._settings = _STATEMENT if settings is None else settings
        self._mine = threading.local()
        self._lock = threading.Lock()
        self._connections: weakref.WeakSet[ArrowConnection] = weakref.WeakSet()
        self._closed = False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.address}, {self.database} at {self.host}>"

    @property
    def host(self) -> str:
        """``host:port`` of this shard."""
        return f"{self._host}:{self._port}"

    def execute(self, sql: str, params: Params | None = None) -> None:
        """Run a statement that returns nothing; raises StoreError with the engine's words."""
        self._run(sql, params)

    def fetch(self, sql: str, params: Params | None = None) -> pa.Table:
        """Return the result of a SELECT as an Arrow table."""
        return self._run(sql, params)

    def insert(self, table: str, rows: pa.Table, token: str | None = None) -> None:
        """Insert the rows as one block. With a token, a repeated insert is stored once."""
        place = self.shards[0].here if table in _ON_THE_FIRST_SHARD else self.here
        names = ", ".join(f"`{name}`" for name in rows.column_names)
        once = {
            "insert_deduplication_token": token,
            "deduplicate_blocks_in_dependent_materialized_views": 1,
        }
        place._run(
            f"INSERT INTO {table} ({names}) VALUES", None, rows, once if token else _EACH_TIME
        )

    def define(self, sql: str) -> None:
        """Run a statement that creates a table or a view, on every shard."""
        found = _CREATES.search(sql)
        assert found, sql
        local = replicated(sql) if self.address.replicated else sql
        for shard in self.shards:
            shard.here.execute(local)
            if shard.here is shard:
                continue
            if found["kind"] == "VIEW":
                shard.execute(sql)
            elif found["kind"] == "TABLE":
                shard.distribute(found["name"])

    def distribute(self, table: str, *, anew: bool = False) -> None:
        """Let the whole store's reads see a table that every shard has; anew after a change."""
        local = self.here.database
        create = "CREATE OR REPLACE TABLE" if anew else "CREATE TABLE IF NOT EXISTS"
        self.execute(
            f"{create} {table} AS {local}.{table}"
            f" ENGINE = Distributed('{self.address.cluster}', '{local}', '{table}')"
        )

    def close(self) -> None:
        """Release all connections, those to other shards too. Further calls raise StoreError."""
        for engine in {
            *self.shards,
            *(shard.here for shard in self.shards),
            self.reader.engine,
            self,
        }:
            engine._close()

    def _close(self) -> None:
        with self._lock:
            self._closed = True
            for connection in self._connections:
                with suppress(AttributeError):  # its thread may be closing it at this moment
                    connection.disconnect()
            self._connections.clear()

    def _run(
        self,
        sql: str,
        params: Params | None = None,
        rows: pa.Table | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> pa.Table:
        try:
            return self._connection().run(
                sql, params or {}, {**self._settings, **(settings or {})}, rows
            )
        except Exception as fault:
            if self._closed:
                raise StoreError("the store is closed") from None
            if isinstance(fault, errors.Error | OSError | EOFError):
                raise store_error_from(fault, self.address, self.host) from None
            raise

    def _connection(self) -> ArrowConnection:
        if self._closed:
            raise StoreError("the store is closed")
        connection: ArrowConnection | None = getattr(self._mine, "connection", None)
        if connection is None or connection.process != os.getpid():
            at = self.address
            connection = ArrowConnection(
                self._host,
                self._port,
                self.database,
                user=at.user,
                password=at.password,
                client_name="everyhit",
                connect_timeout=at.connect_timeout,
                send_receive_timeout=at.timeout,
                sync_request_timeout=at.connect_timeout,
                compression=False if at.compression == "none" else at.compression,
                secure=at.secure,
                ca_certs=str(at.ca) if at.ca else None,
            )
            with self._lock:
                self._connections.add(connection)
            self._mine.connection = connection
        return connection


@dataclass(frozen=True)
class ReaderAccount:
    """The servers as their reader sees them, within the bounds of its account."""

    engine: ClickHouseEngine

    def fetch(
        self, sql: str, params: Params | None = None, bounds: Bounds | None = None
    ) -> pa.Table:
        """Return the result of a SELECT; the account's bounds hold, whatever is given."""
        return self.engine.fetch(sql, params)

    def describe(self, sql: str, params: Params | None = None) -> list[tuple[str, str]]:
        """Return name and type of what a SELECT returns, in the engine's own words."""
        rows = self.engine.fetch(f"DESCRIBE ({sql})", params).to_pylist()
        return [(row["name"], row["type"]) for row in rows]


def connect(address: Address) -> ClickHouseEngine:
    """Return the store from the point of view of its first shard. Nothing is asked yet."""
    first = _connect(address)
    whole = whole_name(address.database) if len(address.hosts) > 1 else ""
    reader = ReaderAccount(ClickHouseEngine(reader_of(address), 0, whole, {}))
    for shard in first.shards:
        shard.reader = shard.here.reader = reader
    return first


def _connect(address: Address) -> ClickHouseEngine:
    places = range(len(address.hosts))
    alone = [ClickHouseEngine(address, k) for k in places]
    if len(alone) == 1:
        return alone[0]
    whole = [ClickHouseEngine(address, k, whole_name(address.database), _of(k)) for k in places]
    for each, here in zip(whole, alone, strict=True):
        each.here, each.shards = here, whole
    return whole[0]


def whole_name(database: str) -> str:
    """Return the name of the database that shows all shards' tables as one."""
    return f"{database}_all"


_STATEMENT = {"send_profile_events": 0, "max_query_size": LONGEST}

# Without a token equal rows are rows that were meant; the server would drop them.
_EACH_TIME = {"deduplicate_insert": "disable", "insert_deduplicate": 0}


def _of(shard: int) -> dict[str, Any]:
    """The settings of statements that see the whole store from a shard."""
    return {
        **_STATEMENT,
        # A subquery inside IN is asked once, of all shards, not by each shard of itself.
        "distributed_product_mode": "global",
        # INSERT … SELECT leaves its rows here, in the moment in which it ends.
        "insert_shard_id": shard + 1,
        "distributed_foreground_insert": 1,
        # Another shard that is away is told in seconds.
        "connect_timeout_with_failover_ms": 1000,
        "handshake_timeout_ms": 3000,
        "connections_with_failover_max_tries": 1,
    }

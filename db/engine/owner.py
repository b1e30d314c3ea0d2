"""The engine of another process of this machine, asked through a door that it opened."""

import json
from dataclasses import dataclass
from functools import cached_property

import httpx
import pyarrow as pa

from db.engine import Bounds, Engine, Params
from db.engine.endpoint import OwnerEndpoint
from db.errors import StoreError

STATEMENTS = ("fetch", "execute", "read", "describe")


def run_statement(engine: Engine, what: str, content: bytes) -> bytes:
    """Run one of ``STATEMENTS`` that ``RemoteEngine`` sent, and return what it reads back.

    Raises StoreError with the engine's words.
    """
    asked = json.loads(content)
    if what == "execute":
        engine.execute(asked["sql"], asked["params"])
        return b""
    if what == "describe":
        return json.dumps(engine.reader.describe(asked["sql"], asked["params"])).encode()
    if what == "read":
        table = engine.reader.fetch(asked["sql"], asked["params"], asked["bounds"])
    else:
        table = engine.fetch(asked["sql"], asked["params"])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


@dataclass(frozen=True)
class RemoteReader:
    """The owner's engine for SQL that people wrote."""

    engine: "RemoteEngine"

    def fetch(
        self, sql: str, params: Params | None = None, bounds: Bounds | None = None
    ) -> pa.Table:
        """Return the result of a SELECT, within the bounds of the owner's reader or tighter."""
        answer = self.engine._ask("read", sql, params, bounds=dict(bounds or {}))
        return pa.ipc.open_stream(answer).read_all()

    def describe(self, sql: str, params: Params | None = None) -> list[tuple[str, str]]:
        """Return name and type of what a SELECT returns, in the engine's own words."""
        return [
            (name, kind) for name, kind in json.loads(self.engine._ask("describe", sql, params))
        ]


class RemoteEngine:
    """Speaks to the owner's engine; every statement is a request."""

    def __init__(self, door: OwnerEndpoint) -> None:
        self._http = httpx.Client(
            base_url=door.url, headers={"Authorization": f"Bearer {door.secret}"}, timeout=600
        )
        self.redis = door.redis
        self.shards = (self,)
        self.inserts_at_once = 1
        self.keeps_tokens = False
        self.here = self
        self.reader = RemoteReader(self)

    @cached_property
    def database(self) -> str:
        """The database in which names without one are looked up."""
        return str(self.fetch("SELECT currentDatabase() AS name")["name"][0])

    def execute(self, sql: str, params: Params | None = None) -> None:
        """Run a statement that returns nothing; raises StoreError with the engine's words."""
        self._ask("execute", sql, params)

    def define(self, sql: str) -> None:
        """Run a CREATE of a table or a view."""
        self.execute(sql)

    def fetch(self, sql: str, params: Params | None = None) -> pa.Table:
        """Return the result of a SELECT as an Arrow table."""
        return pa.ipc.open_stream(self._ask("fetch", sql, params)).read_all()

    def insert(self, table: str, rows: pa.Table, token: str | None = None) -> None:
        """Insert the rows as one block. With a token, a repeated insert is stored once."""
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, rows.schema) as writer:
            writer.write_table(rows)
        given = {"table": table} | ({"token": token} if token else {})
        self._post("insert", given, bytes(sink.getvalue()))

    def close(self) -> None:
        """Release the connection."""
        self._http.close()

    def _ask(self, what: str, sql: str, params: Params | None, **more: object) -> bytes:
        told = {"sql": sql, "params": dict(params or {}), **more}
        return self._post(what, {}, json.dumps(told).encode())

    def _post(self, what: str, given: dict[str, str], content: bytes) -> bytes:
        kind = {"Content-Type": "application/octet-stream"}
        try:
            answer = self._http.post(f"/engine/{what}", params=given, content=content, headers=kind)
        except httpx.HTTPError as fault:
            raise StoreError(f"the process that has the store open is gone: {fault}") from None
        if answer.status_code == 200:
            return answer.content
        try:
            message = answer.json()["message"]
        except (ValueError, KeyError, TypeError):
            message = f"the process that has the store open answers {answer.status_code}"
        raise StoreError(message)

"""Spans of requests and their statements. Only imported where somebody wants them."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager

import pyarrow as pa
from opentelemetry.propagate import extract
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from db.engine import Engine, Params

LONGEST = 2000
"""Characters of a statement that a span has."""


class Traced:
    """A span for each request, as part of the trace that its headers name."""

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app, self._tracer = app, tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one pass."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        # What comes behind the first piece of a path has no bound: it is no part of the name.
        path = "/" + scope["path"].strip("/").partition("/")[0]
        method = scope.get("method", "WEBSOCKET")
        with self._tracer.start_as_current_span(
            f"{method} {path}",
            extract(headers),
            SpanKind.SERVER,
            {"http.request.method": method, "url.path": scope["path"]},
        ) as span:

            async def watched(message: Message) -> None:
                if message["type"] == "http.response.start":
                    _answered(span, message["status"])
                await send(message)

            await self._app(scope, receive, watched)


class TracedEngine:
    """An engine whose statements are spans."""

    def __init__(self, engine: Engine, tracer: Tracer) -> None:
        self._engine, self._tracer = engine, tracer

    @property
    def database(self) -> str:
        """The database in which names without one are looked up."""
        return self._engine.database

    @property
    def shards(self) -> Sequence[Engine]:
        """Those of the engine, traced."""
        return [TracedEngine(shard, self._tracer) for shard in self._engine.shards]

    @property
    def inserts_at_once(self) -> int:
        """How many inserts into a shard are worth having under way."""
        return self._engine.inserts_at_once

    @property
    def here(self) -> Engine:
        """This shard alone."""
        return TracedEngine(self._engine.here, self._tracer)

    @property
    def reader(self) -> Engine:
        """The same for SQL that people wrote."""
        return TracedEngine(self._engine.reader, self._tracer)

    def execute(self, sql: str, params: Params | None = None) -> None:
        """Run a statement that returns nothing."""
        with self._span("execute", sql):
            self._engine.execute(sql, params)

    def define(self, sql: str) -> None:
        """Run a CREATE on every shard."""
        with self._span("define", sql):
            self._engine.define(sql)

    def fetch(self, sql: str, params: Params | None = None) -> pa.Table:
        """Return the result of a SELECT."""
        with self._span("fetch", sql) as span:
            found = self._engine.fetch(sql, params)
            span.set_attribute("db.response.returned_rows", found.num_rows)
            return found

    def render(self, sql: str, fmt: str, params: Params | None = None) -> bytes:
        """Return the result of a SELECT as text."""
        with self._span("render", sql):
            return self._engine.render(sql, fmt, params)

    def insert(self, table: str, rows: pa.Table, token: str | None = None) -> None:
        """Insert rows."""
        with self._span("insert", f"INSERT INTO {table}") as span:
            span.set_attribute("everyhit.rows", rows.num_rows)
            self._engine.insert(table, rows, token)

    def close(self) -> None:
        """Release the engine."""
        self._engine.close()

    def __getattr__(self, name: str) -> object:
        """What else an engine knows of itself."""
        return getattr(self._engine, name)

    def _span(self, what: str, sql: str) -> AbstractContextManager[Span]:
        told: Mapping[str, str] = {"db.system.name": "clickhouse", "db.query.text": sql[:LONGEST]}
        return self._tracer.start_as_current_span(what, None, SpanKind.CLIENT, dict(told))


def _answered(span: Span, status: int) -> None:
    span.set_attribute("http.response.status_code", status)
    if status >= 500:
        span.set_status(Status(StatusCode.ERROR))

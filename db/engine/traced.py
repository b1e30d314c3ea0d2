"""Spans of statements. Only imported where somebody wants them."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import pyarrow as pa
from opentelemetry.trace import Span, SpanKind, Tracer

from db.engine import Bounds, Engine, Params, Reader

LONGEST = 2000
"""Characters of a statement that a span has."""


@dataclass(frozen=True)
class TracedReader:
    """A reader whose statements are spans."""

    reader: Reader
    span: Callable[[str, str], AbstractContextManager[Span]]

    def fetch(
        self, sql: str, params: Params | None = None, bounds: Bounds | None = None
    ) -> pa.Table:
        """Return the result of a SELECT."""
        with self.span("fetch", sql) as span:
            found = self.reader.fetch(sql, params, bounds)
            span.set_attribute("db.response.returned_rows", found.num_rows)
            return found

    def describe(self, sql: str, params: Params | None = None) -> list[tuple[str, str]]:
        """Return name and type of what a SELECT returns."""
        with self.span("describe", sql):
            return self.reader.describe(sql, params)


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
    def keeps_tokens(self) -> bool:
        """Whether the engine knows after a kill which blocks it was sent."""
        return self._engine.keeps_tokens

    @property
    def inserts_at_once(self) -> int:
        """How many inserts into a shard are worth having under way."""
        return self._engine.inserts_at_once

    @property
    def here(self) -> Engine:
        """This shard alone."""
        return TracedEngine(self._engine.here, self._tracer)

    @property
    def reader(self) -> Reader:
        """The same for SQL that people wrote."""
        return TracedReader(self._engine.reader, self._span)

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

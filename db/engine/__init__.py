"""The engine that speaks ClickHouse's SQL: one dialect, whatever carries it.

``chdb`` is the engine inside this process. Everything above speaks to the protocol below.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import pyarrow as pa

Value = int | float | str | Sequence[int] | Sequence[str]
Params = Mapping[str, Value]


class Engine(Protocol):
    """Runs SQL with ClickHouse's own ``{name:Type}`` parameters, from any thread."""

    def execute(self, sql: str, params: Params | None = None) -> None:
        """Run a statement that returns nothing; raises StoreError with the engine's words."""

    def fetch(self, sql: str, params: Params | None = None) -> pa.Table:
        """Return the result of a SELECT as an Arrow table, uncompressed and without copies."""

    def render(self, sql: str, fmt: str, params: Params | None = None) -> bytes:
        """Return the result of a SELECT in one of ClickHouse's output formats."""

    def insert(self, table: str, rows: pa.Table, token: str | None = None) -> None:
        """Insert the rows as one block. With a token, a repeated insert is stored once."""

    def close(self) -> None:
        """Release the engine. Further calls raise StoreError."""

"""The embedded engine for SQL that people wrote: as a user who may read what a query needs.

The engine knows one person, its owner. A view that belongs to another user reads as that user, so
that each statement becomes a view for as long as it runs.
"""

import secrets
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

import pyarrow as pa

from db.engine import Bounds, Params, Value
from db.engine.reader_account import LIMITS, grants
from db.errors import StoreError

if TYPE_CHECKING:
    from db.engine.chdb import ChdbEngine

USER = "reader"
VIEWS = "asked"
"""Database of the views, which is in memory and gone with the process."""

_BOUNDS = {
    name: float(LIMITS[name])
    for name in (
        "max_execution_time",
        "max_memory_usage",
        "max_bytes_before_external_group_by",
        "max_bytes_before_external_sort",
        "max_result_rows",
        "max_result_bytes",
        "max_rows_to_read",
        "max_subquery_depth",
    )
} | {"timeout_before_checking_execution_speed": 0}


class ChdbReader:
    """Runs SELECTs as a user who may read relations and nothing else, within bounds."""

    def __init__(self, engine: "ChdbEngine") -> None:
        self._engine = engine
        engine.execute(f"CREATE DATABASE IF NOT EXISTS {VIEWS} ENGINE = Memory")

    def fetch(
        self, sql: str, params: Params | None = None, bounds: Bounds | None = None
    ) -> pa.Table:
        """Return the result of a SELECT, within the reader's bounds or those given in their place.

        Raises StoreError where it fails, passes a bound, or reads what it may not.
        """
        given = _BOUNDS | dict(bounds or {})
        settings = ", ".join(f"{name} = {value:.17g}" for name, value in given.items())
        return self._ask("SELECT * FROM {} SETTINGS " + settings, sql, params)

    def describe(self, sql: str, params: Params | None = None) -> list[tuple[str, str]]:
        """Return name and type of what a SELECT returns, in the engine's own words."""
        rows = self._ask("DESCRIBE {}", sql, params).to_pylist()
        return [(row["name"], row["type"]) for row in rows]

    def _ask(self, question: str, sql: str, params: Params | None) -> pa.Table:
        view = f"{VIEWS}.q{secrets.token_hex(8)}"
        used = {name: v for name, v in (params or {}).items() if f"{{{name}:" in sql}
        given = ", ".join(f"{name} = {_literal(value)}" for name, value in used.items())
        try:
            self._engine.execute(
                f"CREATE VIEW {view} DEFINER = {USER} SQL SECURITY DEFINER AS {sql}"
            )
            return self._engine.fetch(question.format(f"{view}({given})" if given else view))
        except StoreError as fault:
            raise StoreError(str(fault).replace(view, "the query")) from None
        finally:
            with suppress(StoreError):  # it was never made, or goes with the process
                self._engine.execute(f"DROP VIEW IF EXISTS {view}")


def write_configuration(folder: Path, database: str) -> Path:
    """Write the files that name the engine's users; return the one to open it with."""
    queries = "".join(f"<query>{escape(grant)}</query>" for grant in grants([database]))
    anywhere = "<no_password/><networks><ip>::/0</ip></networks>"
    (folder / "users.xml").write_text(
        "<clickhouse><profiles><default/></profiles><quotas><default/></quotas><users>"
        f"<default>{anywhere}<profile>default</profile><quota>default</quota>"
        "<access_management>1</access_management></default>"
        f"<{USER}>{anywhere}<profile>default</profile><quota>default</quota>"
        f"<grants>{queries}</grants></{USER}></users></clickhouse>"
    )
    config = folder / "config.xml"
    users = escape(str(folder / "users.xml"))
    config.write_text(f"<clickhouse><users_config>{users}</users_config></clickhouse>")
    return config


def _literal(value: Value) -> str:
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    if isinstance(value, int | float):
        return repr(value)
    return f"[{', '.join(map(_literal, value))}]"

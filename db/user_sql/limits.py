"""Bounds on what a statement of a user's making may cost."""

import pyarrow as pa

from db.engine import Engine, Params


def fetch_limited(
    engine: Engine, sql: str, params: Params | None, seconds: float, rows: int | None = None
) -> pa.Table:
    """Return the result of a SELECT with bounds: so many seconds, so many rows, 2 GB.

    It runs as the reader, whose own bounds can't be moved on servers. Raises StoreError where a
    bound is passed.
    """
    bounds = {"max_execution_time": seconds}
    return engine.reader.fetch(
        sql, params, bounds | ({} if rows is None else {"max_result_rows": rows})
    )


def limited(sql: str, seconds: float, rows: int | None = None) -> str:
    """Return a SELECT with bounds: so many seconds of work, so many rows in the result, 2 GB.

    The engine raises where one is passed.
    """
    bounds = {
        "max_execution_time": seconds,
        "timeout_before_checking_execution_speed": 0,
        "max_memory_usage": 2 << 30,
    }
    if rows is not None:
        bounds["max_result_rows"] = rows
    settings = ", ".join(f"{name} = {value}" for name, value in bounds.items())
    return f"SELECT * FROM ({sql}) SETTINGS {settings}"

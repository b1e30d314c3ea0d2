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


def fetch_first(
    engine: Engine, select: str, params: Params, span: tuple[int, int], most: int, seconds: float
) -> tuple[int, pa.Table]:
    """Return how many rows a SELECT has with t in [a, b), and the first ``most`` of them by t.

    Each statement has so many seconds; raises StoreError where a bound is passed.
    """
    own = f"SELECT * FROM ({select}) WHERE t >= {span[0]} AND t < {span[1]}"
    counted = fetch_limited(engine, f"SELECT count() AS n FROM ({own})", params, seconds)
    rows = fetch_limited(engine, f"{own} ORDER BY t LIMIT {most}", params, seconds)
    return int(counted["n"][0].as_py()), rows


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

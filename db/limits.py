"""Bounds on what a statement may cost."""


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

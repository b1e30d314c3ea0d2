"""The ledger rows that came since somebody looked."""

from datetime import datetime

import polars as pl

from db.engine import Engine

LATE_S = 60
"""Ledger rows may be seen so much later than their stamp says: while they are written, and because
shards' clocks differ."""


def fresh_cells(
    engine: Engine, run_id: int, lineage: str, newest: datetime | None = None
) -> pl.DataFrame:
    """Return the ledger rows that may not have been there when one of stamp ``newest`` was.

    The columns are cell, revision, attempt, n_rows, committed_at. Without a stamp it is that of the
    newest row, so that what comes later can be told from what was there. No clock is asked.
    """
    of = "run_id = {run:UInt32} AND lineage = {lineage:String}"
    given: dict[str, int | str] = {"run": run_id, "lineage": lineage}
    if newest is None:
        mark = f"(SELECT max(committed_at) FROM ledger WHERE {of})"
    else:
        mark = "toDateTime64({newest:String}, 6, 'UTC')"
        given["newest"] = f"{newest:%Y-%m-%d %H:%M:%S.%f}"
    table = engine.fetch(
        f"SELECT cell, revision, attempt, n_rows, committed_at FROM ledger WHERE {of}"
        f" AND committed_at > {mark} - toIntervalSecond({LATE_S})",
        given,
    )
    return pl.DataFrame(pl.from_arrow(table))

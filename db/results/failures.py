"""Windows on which a trigger failed, and what it said."""

from collections.abc import Sequence

import polars as pl
import pyarrow as pa

from db.engine import Engine
from db.results.rows import Lineage


def save_failures(
    engine: Engine, lineage: Lineage, cells: Sequence[int], errors: Sequence[str], traceback: str
) -> None:
    """Enter a trigger's failure on some windows: one sentence for each, and the traceback."""
    n = len(cells)
    rows = {
        "run_id": pa.array([lineage.run_id] * n, pa.uint32()),
        "lineage": [lineage.lineage] * n,
        "cell": pa.array(cells, pa.int64()),
        "error": list(errors),
        "traceback": [traceback] * n,
    }
    engine.insert("failures", pa.table(rows))


def windows_set_aside(engine: Engine, run_id: int, lineages: Sequence[str]) -> pl.DataFrame:
    """Return lineage, cell and error of the windows whose newest entry is a failure, in order."""
    table = engine.fetch(
        "SELECT lineage, cell, error FROM ("
        " SELECT lineage, cell, argMax(attempt, (revision, n_inputs, attempt)) AS newest"
        " FROM ledger WHERE run_id = {run:UInt32} AND has({lineages:Array(String)}, lineage)"
        " GROUP BY lineage, cell HAVING newest = 0) AS aside"
        " JOIN (SELECT lineage, cell, anyLast(error) AS error FROM failures"
        " WHERE run_id = {run:UInt32} AND has({lineages:Array(String)}, lineage)"
        " GROUP BY lineage, cell) AS told USING (lineage, cell) ORDER BY cell, lineage",
        {"run": run_id, "lineages": list(lineages)},
    )
    return pl.DataFrame(pl.from_arrow(table))


def list_failures(
    engine: Engine, run_id: int, lineages: Sequence[str], most: int = 20
) -> pl.DataFrame:
    """Return cell, error, traceback and times (how often it failed) of the first windows."""
    table = engine.fetch(
        "SELECT cell, any(error) AS error, anyLast(traceback) AS traceback, count() AS times"
        " FROM failures WHERE run_id = {run:UInt32} AND has({lineages:Array(String)}, lineage)"
        " GROUP BY cell ORDER BY cell LIMIT {most:UInt32}",
        {"run": run_id, "lineages": list(lineages), "most": most},
    )
    return pl.DataFrame(pl.from_arrow(table))

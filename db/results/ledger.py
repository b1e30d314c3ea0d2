"""The ledger: which attempt counts for which window. It is written last, after the rows.

A window that was worked on twice, or by a task that died half-way, shows its rows once: those of
the attempt to which the newest ledger row points.
"""

from collections.abc import Sequence

import polars as pl

from db.engine import Engine

# Of two attempts of equal revision, the one that read more counts; else any, but the same for all.
_ORDER = ("revision", "n_inputs", "attempt")


def standing(column: str) -> str:
    """Return the SQL of a column of the row that counts, among the ledger rows of a cell."""
    return f"argMax({column}, ({', '.join(_ORDER)}))"


CURRENT = standing("attempt")

ROW = {
    "cell": pl.Int64,
    "revision": pl.UInt32,
    "attempt": pl.UInt64,
    "n_rows": pl.UInt32,
    "inputs": pl.UInt64,
    "n_inputs": pl.UInt64,
    "complete": pl.Boolean,
}


def commit(engine: Engine, run_id: int, rows: pl.DataFrame, worker: str) -> None:
    """Write ledger rows in one insert, one for each cell of each lineage.

    They have the columns of ``ROW``, ``lineage``, and ``seconds``: the cell's share in the work.
    """
    stamped = rows.select(
        pl.lit(run_id, pl.UInt32).alias("run_id"),
        "lineage",
        *(pl.col(name).cast(kind) for name, kind in ROW.items()),
        pl.lit(worker).alias("worker"),
        pl.col("seconds").cast(pl.Float32),
    )
    engine.insert("ledger", stamped.to_arrow())


def current(engine: Engine, run_id: int, lineage: str, first: int, stop: int) -> pl.DataFrame:
    """Return the ledger row that counts (columns of ``ROW``) for each committed cell in
    [first, stop), ordered by cell."""
    return current_of(engine, run_id, [lineage], first, stop).drop("lineage")


def current_of(
    engine: Engine, run_id: int, lineages: Sequence[str], first: int, stop: int
) -> pl.DataFrame:
    """Return the same for several lineages, and ``lineage``."""
    table = engine.fetch(
        f"SELECT lineage, {', '.join(ROW)} FROM ledger WHERE run_id = {{run:UInt32}}"
        " AND lineage IN {lineages:Array(String)}"
        " AND cell >= {first:Int64} AND cell < {stop:Int64}",
        {"run": run_id, "lineages": list(lineages), "first": first, "stop": stop},
    )
    # A cell has few rows, and a plain SELECT costs the engine half of one that picks.
    rows = pl.DataFrame(pl.from_arrow(table)).sort("cell", *_ORDER)
    return rows.unique(["lineage", "cell"], keep="last", maintain_order=True)


def last_cell(engine: Engine, run_id: int, lineages: Sequence[str]) -> int | None:
    """Return the last cell that any of the lineages has committed; None if there is none."""
    row = engine.fetch(
        "SELECT count() AS n, max(cell) AS last FROM ledger WHERE run_id = {run:UInt32}"
        " AND lineage IN {lineages:Array(String)}",
        {"run": run_id, "lineages": list(lineages)},
    ).to_pylist()[0]
    return int(row["last"]) if row["n"] else None

"""The ledger: which attempt counts for which window. It is written last, after the rows.

A window that was worked on twice, or by a task that died half-way, shows its rows once: those of
the attempt to which the newest ledger row points.
"""

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
    "digest": pl.UInt64,
    "inputs": pl.UInt64,
    "n_inputs": pl.UInt64,
    "complete": pl.Boolean,
}


def commit(
    engine: Engine, run_id: int, lineage: str, rows: pl.DataFrame, worker: str, seconds: float
) -> None:
    """Write ledger rows (columns of ``ROW``), one for each cell, in one insert."""
    stamped = rows.select(
        pl.lit(run_id, pl.UInt32).alias("run_id"),
        pl.lit(lineage).alias("lineage"),
        *(pl.col(name).cast(kind) for name, kind in ROW.items()),
        pl.lit(worker).alias("worker"),
        pl.lit(seconds, pl.Float32).alias("seconds"),
    )
    engine.insert("ledger", stamped.to_arrow())


def current(engine: Engine, run_id: int, lineage: str, first: int, stop: int) -> pl.DataFrame:
    """Return the ledger row that counts (columns of ``ROW``) for each committed cell in
    [first, stop), ordered by cell."""
    table = engine.fetch(
        f"SELECT {', '.join(ROW)} FROM ledger WHERE run_id = {{run:UInt32}}"
        " AND lineage = {lineage:String} AND cell >= {first:Int64} AND cell < {stop:Int64}",
        {"run": run_id, "lineage": lineage, "first": first, "stop": stop},
    )
    # A cell has few rows, and a plain SELECT costs the engine half of one that picks.
    rows = pl.DataFrame(pl.from_arrow(table)).sort("cell", *_ORDER)
    return rows.unique("cell", keep="last", maintain_order=True)

import polars as pl

from db.engine import Engine


def fresh_cells(engine: Engine, run_id: int, lineage: str, within_s: float) -> pl.DataFrame:
    """Return cell, revision and attempt of the ledger rows of the last ``within_s`` seconds."""
    table = engine.fetch(
        "SELECT cell, revision, attempt FROM ledger WHERE run_id = {run:UInt32}"
        " AND lineage = {lineage:String}"
        " AND committed_at > now64(6) - toIntervalMillisecond({ms:UInt32})"
        " ORDER BY cell, revision",
        {"run": run_id, "lineage": lineage, "ms": round(within_s * 1000)},
    )
    return pl.DataFrame(pl.from_arrow(table))

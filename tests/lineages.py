"""Lineages of results that tests make up, and rows for them."""

from datetime import UTC, datetime
from itertools import count

import polars as pl

from db.results import ledger
from db.results.rows import Lineage, create_results

run_ids = count(4_000_000)
_names = count()
LATER = datetime(2100, 1, 1, tzinfo=UTC)
"""When whatever a test wrote is old."""
CELL = 10
COLUMNS = {"t": "Int64", "n": "UInt8", "x": "Float64", "near": "Array(Int64)", "name": "String"}


def new_lineage(engine, run=None, **changes):
    told = {
        "lineage": f"{next(_names):012x}",
        "run_id": run or next(run_ids),
        "name": "found",
        "version": "1",
        "kind": "python",
        "params": {"within": 30, "wide": 0.5},
        "inputs": {"other": "abc"},
        "reach": 30,
        "fingerprint": "f",
        "source": "it's a source",
        "columns": COLUMNS,
    }
    lineage = Lineage(**(told | changes))
    create_results(engine, lineage)
    return lineage


def frame(rows):
    kinds = {
        "t": pl.Int64,
        "n": pl.UInt8,
        "x": pl.Float64,
        "near": pl.List(pl.Int64),
        "name": pl.String,
    }
    return pl.DataFrame(rows, schema=kinds, orient="row")


def point_to(engine, lineage, cell, attempt, revision=0):
    row = {"cell": cell, "revision": revision, "attempt": attempt, "n_rows": 0}
    row |= {"inputs": 0, "n_inputs": 0, "complete": True}
    entry = pl.DataFrame([row], ledger.ROW).with_columns(
        lineage=pl.lit(lineage.lineage), seconds=0.0
    )
    ledger.commit(engine, lineage.run_id, entry, "")

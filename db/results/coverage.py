"""Which windows each lineage of a run has committed, over time."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from db.catalogue.runs import Run
from db.engine import Engine


@dataclass(frozen=True)
class Coverage:
    """Committed windows in equal bins; the last one may be shorter."""

    start: int
    width: int
    """Of a bin, in ticks: whole windows."""
    windows: dict[str, list[int]]
    """Windows in each bin, by lineage."""


def coverage_of(engine: Engine, run: Run, span: tuple[int, int], bins: int) -> Coverage:
    """Return the windows that begin in [a, b) ticks and are committed, by lineage, in bins."""
    first, stop = span[0] // run.cell, -(-span[1] // run.cell)
    per_bin = max(1, -(-(stop - first) // bins))
    table = engine.fetch(
        "SELECT lineage, intDiv(cell - {first:Int64}, {per_bin:Int64}) AS bin,"
        " uniqExact(cell) AS n FROM ledger WHERE run_id = {run:UInt32} AND cell >= {first:Int64}"
        " AND cell < {stop:Int64} GROUP BY lineage, bin",
        {"run": run.run_id, "first": first, "stop": stop, "per_bin": per_bin},
    )
    counted = pl.DataFrame(pl.from_arrow(table))
    n_bins = max(1, -(-(stop - first) // per_bin))
    windows = {}
    for (lineage,), rows in counted.group_by("lineage"):
        of = np.zeros(n_bins, np.int64)
        of[rows["bin"].to_numpy()] = rows["n"]
        windows[str(lineage)] = of.tolist()
    return Coverage(first * run.cell, per_bin * run.cell, windows)

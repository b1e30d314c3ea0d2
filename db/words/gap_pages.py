"""The gaps of a run, a page at a time."""

import polars as pl

from db.engine import Engine


def page_of_gaps(engine: Engine, run_id: int, limit: int, offset: int) -> pl.DataFrame:
    """Return at most ``limit`` of a run's gaps in order of begin, from the ``offset``-th on."""
    table = engine.fetch(
        "SELECT link, cause, a, b, dead, n_lost, detail FROM gaps WHERE run_id = {run:UInt32}"
        " ORDER BY a, b, link, cause, detail LIMIT {limit:UInt32} OFFSET {offset:UInt64}",
        {"run": run_id, "limit": limit, "offset": offset},
    )
    return pl.DataFrame(pl.from_arrow(table))

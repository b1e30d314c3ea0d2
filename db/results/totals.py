"""How far triggers have come, counted in the database: for a run, or for a page of them at once."""

from collections.abc import Sequence

import polars as pl

from db.engine import Engine
from db.results.ledger import standing


def result_totals(engine: Engine, run_ids: Sequence[int]) -> pl.DataFrame:
    """Return for each lineage of the runs' results how far and how well it went.

    Columns run_id, trigger, lineage, params (JSON), cells (windows in the ledger), last_cell,
    rows, incomplete (windows that ran before every watermark had passed), seconds (of work) and
    failed.
    """
    table = engine.fetch(_RESULTS, {"runs": list(run_ids)})
    return pl.DataFrame(pl.from_arrow(table))


_RESULTS = f"""
SELECT run_id, any(name) AS trigger, lineage, any(params) AS params, count(cell) AS cells,
    max(cell) AS last_cell, sum(rows) AS rows, sum(NOT done) AS incomplete,
    sum(seconds) AS seconds, any(failed) AS failed
FROM (
    SELECT run_id, lineage, cell, {standing("n_rows")} AS rows,
        {standing("complete")} AS done, sum(seconds) AS seconds
    FROM ledger WHERE has({{runs:Array(UInt32)}}, run_id) GROUP BY run_id, lineage, cell
) AS counted
JOIN (
    SELECT run_id, lineage, any(name) AS name, any(params) AS params FROM lineages
    WHERE has({{runs:Array(UInt32)}}, run_id) GROUP BY run_id, lineage
) AS known USING (run_id, lineage)
LEFT JOIN (
    SELECT run_id, lineage, count() AS failed FROM failures
    WHERE has({{runs:Array(UInt32)}}, run_id) GROUP BY run_id, lineage
) AS failures USING (run_id, lineage)
GROUP BY run_id, lineage ORDER BY run_id, trigger, lineage
"""

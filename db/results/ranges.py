"""A run's time in stretches of about equal numbers of results."""

from collections.abc import Iterator

import polars as pl

from db.catalogue.runs import Run
from db.engine import Engine
from db.results.ledger import standing
from db.results.rows import Lineage
from db.words.ranges import LOOK, Range, counted, grouped


def of_rows(
    engine: Engine, run: Run, lineage: Lineage, a: int, b: int, most: int
) -> Iterator[Range]:
    """Yield neighbouring stretches that cover a lineage's committed rows in [a, b).

    Each holds about ``most`` rows; stretches without any are left out.
    """
    start = a
    while start < b:
        table = engine.fetch(
            _CELLS,
            {
                "run": run.run_id,
                "lineage": lineage.lineage,
                "first": start // run.cell,
                "stop": -(-b // run.cell),
                "look": LOOK,
            },
        )
        rows = pl.DataFrame(pl.from_arrow(table))
        counts = counted(rows)
        yield from grouped(counts, run.cell, start, b, most)
        if len(rows) < LOOK:
            return
        start = (counts["place"][-1] + 1) * run.cell


_CELLS = f"""
SELECT cell, {standing("n_rows")} AS n
FROM ledger
WHERE run_id = {{run:UInt32}} AND lineage = {{lineage:String}}
    AND cell >= {{first:Int64}} AND cell < {{stop:Int64}}
GROUP BY cell HAVING n > 0 ORDER BY cell LIMIT {{look:UInt64}}
"""

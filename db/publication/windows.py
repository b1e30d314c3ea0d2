"""Which attempt's rows are a run's answer in each window, and these rows."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
import polars as pl

from db.catalogue.runs import Run
from db.engine import Engine
from db.results.ledger import current_of
from db.results.lineage_runs import Ran, newest_for
from db.results.rows import Lineage, row_hash_sql

WINDOWS = {"window": pl.Int64, "lineage": pl.String, "attempt": pl.String, "n": pl.Int64}
"""Columns of windows with rows. An attempt is a text: no number of BSON holds it."""


def answering(
    engine: Engine,
    run: Run,
    lineages: Sequence[Lineage],
    ran: Mapping[str, Sequence[Ran]],
    cells: Collection[int] | None = None,
) -> pl.DataFrame:
    """Return the windows that have rows of the lineage that answers there (``WINDOWS``).

    ``lineages`` are those of one trigger, newest first; ``ran`` says for which times each was run.
    With ``cells`` only these windows are looked at.
    """
    if not lineages or (cells is not None and not cells):
        return pl.DataFrame(schema=WINDOWS)
    names = [each.lineage for each in lineages]
    first, stop = (-(2**62), 2**62) if cells is None else (min(cells), max(cells) + 1)
    rows = current_of(engine, run.run_id, names, first, stop)
    if cells is not None:
        rows = rows.filter(pl.col("cell").is_in(list(cells)))
    if rows.is_empty():
        return pl.DataFrame(schema=WINDOWS)
    low, high = int(rows["cell"].min()), int(rows["cell"].max()) + 1  # type: ignore[arg-type]
    bounds = _bounds(run.cell, [s for name in names for s in ran.get(name, ())], low, high)
    chosen = [
        newest_for(lineages, ran, a * run.cell, b * run.cell).lineage for a, b in pairwise(bounds)
    ]
    nth = np.searchsorted(bounds, rows["cell"].to_numpy(), "right") - 1
    answer = pl.Series(chosen, dtype=pl.String).gather(nth)
    return rows.filter((pl.col("lineage") == answer) & (pl.col("n_rows") > 0)).select(
        window="cell",
        lineage="lineage",
        attempt=pl.col("attempt").cast(pl.String),
        n=pl.col("n_rows").cast(pl.Int64),
    )


def _bounds(cell: int, ran: Sequence[Ran], low: int, high: int) -> list[int]:
    """Return windows that bound ranges in which one lineage answers everywhere, low and high too.

    A window in which one was run for a part of it is a range of its own.
    """
    ends = {end for each in ran for end in (each.a, each.b)}
    cuts = {side for end in ends for side in (end // cell, -(-end // cell))}
    return sorted({low, high, *(cut for cut in cuts if low < cut < high)})


def blocks_of(windows: pl.DataFrame, most: int) -> Iterator[pl.DataFrame]:
    """Yield windows of one lineage each, in order, that have about ``most`` rows together."""
    for (_,), of in windows.sort("window").group_by(["lineage"], maintain_order=True):
        nth = (of["n"].cum_sum() - of["n"]) // most
        for k in nth.unique(maintain_order=True):
            yield of.filter(nth == k)


def rows_of(engine: Engine, lineage: Lineage, windows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of the attempts in the windows, with the columns _window and _attempt, too.

    They stand in an order of their own content, window by window, however they were stored.
    """
    places = ", ".join(f"({w}, {a})" for w, a in windows.select("window", "attempt").iter_rows())
    columns = ", ".join(f"`{name}`" for name in lineage.columns)
    numbers = windows["window"].to_list()
    table = engine.fetch(
        f"SELECT cell AS `_window`, toString(attempt) AS `_attempt`, {columns}"
        f" FROM {lineage.table} WHERE run_id = {lineage.run_id}"
        f" AND cell >= {min(numbers)} AND cell <= {max(numbers)} AND (cell, attempt) IN ({places})"
        f" ORDER BY cell, t, {row_hash_sql(lineage.columns)}"
    )
    return pl.DataFrame(pl.from_arrow(table))

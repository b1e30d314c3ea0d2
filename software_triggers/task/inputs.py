"""What windows were made from, and would be made from now: the chunks within their horizon."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from db.engine import Engine
from db.results.ledger import current_of
from db.words.chunks import read_spans
from software_triggers.task.stage import Stage
from software_triggers.window import cells_near


def spans_near(engine: Engine, stages: Sequence[Stage], first: int, stop: int) -> pl.DataFrame:
    """Return the chunks that results in cells [first, stop) may hang on; see ``read_spans``.

    Ask before reading words: what arrives in between then shows as a change.
    """
    run, far = stages[0].run, max(stage.horizon for stage in stages)
    a, b = first * run.cell - far, stop * run.cell + far
    return read_spans(engine, run.run_id, a, b, run.detector.slice)


def chain_state(
    engine: Engine,
    stages: Sequence[Stage],
    first: int,
    stop: int,
    spans: pl.DataFrame | None = None,
) -> dict[str, pl.DataFrame]:
    """Return for each stage, by name, how its cells in [first, stop) stand, in order of cell.

    Only cells with words within the stage's horizon are there: nothing can be found in others.
    Columns: ``cell``; ``inputs``, a hash of the chunks that overlap the cell and its horizon, and
    ``n_inputs``, their number; ``n_words``, in the chunks that begin in the cell; ``n_dropped``,
    chunks that the stage itself would read and whose words were dropped since; of the ledger row
    that counts ``revision``, ``n_rows``, ``attempt``, ``complete`` and ``inputs_before``, null
    where there is none; ``stale``, whether ``inputs`` are others than those. ``spans`` are those
    of ``spans_near``, if they are known.
    """
    run = stages[0].run
    if spans is None:
        spans = spans_near(engine, stages, first, stop)
    of = [stage.lineage.lineage for stage in stages]
    known = current_of(engine, run.run_id, of, first, stop)
    return {
        stage.name: _would_be_read(stage, spans, first, stop)
        .join(
            known.filter(pl.col("lineage") == stage.lineage.lineage),
            on="cell",
            how="left",
            suffix="_before",
            maintain_order="left",
        )
        .with_columns(stale=pl.col("inputs").ne_missing(pl.col("inputs_before")))
        for stage in stages
    }


def _would_be_read(stage: Stage, spans: pl.DataFrame, first: int, stop: int) -> pl.DataFrame:
    cell, t_first, t_last = stage.run.cell, spans["t_first"].to_numpy(), spans["t_last"].to_numpy()
    cells = cells_near(t_first, t_last, stage.horizon, cell)
    cells = cells[np.searchsorted(cells, first) : np.searchsorted(cells, stop)]
    ids = np.stack([spans["id"].to_numpy(), np.ones(len(spans), np.uint64)])
    dropped = spans["dropped"].to_numpy().astype(np.uint64)[None] * stage.reads_words
    n_words = spans["n_hits"].to_numpy().astype(np.uint64)[None]

    def overlapping(weights: NDArray[np.uint64], reach: int) -> NDArray[np.uint64]:
        """Sum over chunks that begin before the end of what is read, less those that end before
        its begin."""
        begun = _sums_before(t_first, weights, (cells + 1) * cell + reach)
        return begun - _sums_before(t_last, weights, cells * cell - reach)

    begin = _sums_before(t_first, n_words, (cells + 1) * cell)
    begin -= _sums_before(t_first, n_words, cells * cell)
    inputs, n_inputs = overlapping(ids, stage.horizon)
    return pl.DataFrame(
        {
            "cell": cells,
            "inputs": inputs,
            "n_inputs": n_inputs,
            "n_words": begin[0],
            "n_dropped": overlapping(dropped, stage.reach)[0],
        }
    )


def _sums_before(
    places: NDArray[np.int64], weights: NDArray[np.uint64], limits: NDArray[np.int64]
) -> NDArray[np.uint64]:
    """Return for each limit the sums of weights whose place is before it, modulo 2**64."""
    order = np.argsort(places, kind="stable")
    sums = np.zeros((len(weights), len(places) + 1), np.uint64)
    np.cumsum(weights[:, order], axis=1, out=sums[:, 1:])
    return sums[:, np.searchsorted(places[order], limits, "left")]

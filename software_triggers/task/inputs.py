"""What a window was made from, as one number: so that late data re-open what they touch."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from db.engine import Engine
from db.results.ledger import current
from db.words.chunks import read_spans
from software_triggers.task.bind import Stage

_MIX = np.uint64(0x9E3779B97F4A7C15)


def input_state(engine: Engine, stage: Stage, first: int, stop: int) -> pl.DataFrame:
    """Return for each cell in [first, stop) what a stage would read for it now.

    Columns: ``cell``; ``inputs``, a hash of the chunks and of the committed results that overlap
    the cell and its margins; ``n_inputs``, which grows with every chunk and revision;
    ``n_dropped``, those of the chunks whose words were dropped since; ``n_read``, words in the
    chunks that begin in the cell, and rows of results in the cell, which come into memory. Take it
    before reading: what arrives in between then shows as a change.
    """
    cells = np.arange(first, stop, dtype=np.int64)
    starts = cells * stage.run.cell - stage.reach
    stops = (cells + 1) * stage.run.cell + stage.reach
    state = np.zeros((4, len(cells)), np.uint64)
    if len(cells) and stage.reads_hits:
        state += _of_chunks(engine, stage, starts, stops)
    if len(cells):
        for lineage in stage.inputs.values():
            state += _of_results(engine, stage, lineage.lineage, starts, stops)
    return pl.DataFrame(
        {
            "cell": cells,
            "inputs": state[0],
            "n_inputs": state[1],
            "n_dropped": state[2],
            "n_read": state[3],
        }
    )


def _of_chunks(
    engine: Engine, stage: Stage, starts: NDArray[np.int64], stops: NDArray[np.int64]
) -> NDArray[np.uint64]:
    """Sum over chunks that overlap [start, stop): those that begin before stop less those that
    end before start. Words are counted where their chunk begins."""
    run = stage.run
    spans = read_spans(engine, run.run_id, int(starts[0]), int(stops[-1]), run.detector.slice)
    weights = np.stack(
        [spans["id"], np.ones(len(spans), np.uint64), spans["dropped"], spans["n_hits"]]
    ).astype(np.uint64)
    t_first = spans["t_first"].to_numpy()
    begun = _sums_before(t_first, weights, stops)
    ended = _sums_before(spans["t_last"].to_numpy(), weights, starts)
    own = _sums_before(t_first, weights[3:], stops - stage.reach)
    own -= _sums_before(t_first, weights[3:], starts + stage.reach)
    return np.concatenate([(begun - ended)[:3], own * np.uint64(stage.reads_words)])


def _of_results(
    engine: Engine, stage: Stage, lineage: str, starts: NDArray[np.int64], stops: NDArray[np.int64]
) -> NDArray[np.uint64]:
    cell = stage.run.cell
    low, high = starts // cell, -(-stops // cell)
    rows = current(engine, stage.run.run_id, lineage, int(low[0]), int(high[-1]))
    cells = rows["cell"].to_numpy()
    with np.errstate(over="ignore"):
        marks = (rows["digest"].to_numpy() + cells.astype(np.uint64) * _MIX) * _MIX + np.uint64(1)
        marks = (marks ^ (marks >> np.uint64(32))) * _MIX  # no sum of products: cells may swap rows
    revisions = rows["revision"].to_numpy().astype(np.uint64) + np.uint64(1)
    n_rows = rows["n_rows"].to_numpy().astype(np.uint64)
    weights = np.stack([marks, revisions, np.zeros_like(n_rows), n_rows])
    sums = _sums_before(cells, weights, high) - _sums_before(cells, weights, low)
    own = (starts + stage.reach) // cell
    sums[3] = (_sums_before(cells, weights, own + 1) - _sums_before(cells, weights, own))[3]
    return sums


def _sums_before(
    places: NDArray[np.int64], weights: NDArray[np.uint64], limits: NDArray[np.int64]
) -> NDArray[np.uint64]:
    """Return for each limit the sums of weights whose place is before it, modulo 2**64."""
    order = np.argsort(places, kind="stable")
    sums = np.zeros((len(weights), len(places) + 1), np.uint64)
    np.cumsum(weights[:, order], axis=1, out=sums[:, 1:])
    return sums[:, np.searchsorted(places[order], limits, "left")]

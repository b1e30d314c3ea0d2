"""One task: a chain of stages over a row of windows, from the store to the ledger."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import polars as pl

from db.engine import Engine
from db.results import ledger
from software_triggers.task.attempt import Attempt, attempt
from software_triggers.task.chain import Cells, State, between, margins, out_of_reach, resting_on
from software_triggers.task.failing import DROPPED, save_faults
from software_triggers.task.inputs import chain_state, spans_near
from software_triggers.task.stage import Stage

# Words that a window may bring into memory at once; larger ones are cut, since results do not
# depend on the tiling.
MOST_HITS = 1_500_000
# Cells without words that a row of cells may bridge.
LONGEST_HOLE = 1000


def process(
    engine: Engine,
    stages: Sequence[Stage],
    first: int,
    stop: int,
    *,
    complete: bool,
    worker: str = "",
    most_hits: int = MOST_HITS,
) -> int:
    """Bring a chain's results in cells [first, stop) up to date; return how many cells changed.

    Words are read once for all stages. What is up to date is not computed again, so that a task
    may be delivered twice. Cells of which words were dropped since are left alone, if they have a
    result. A cell on which a trigger fails is set aside, and one that it never saw before its words
    were dropped: it is entered as incomplete and empty, with its traceback in ``failures``; the
    others go on, and what rests on it is incomplete. Raises StoreError when the store fails: then
    nothing is committed and the task can be repeated.
    """
    cells, far = range(first, stop), -(-max(margins(stages).values()) // stages[0].run.cell)
    spans = spans_near(engine, stages, first - far, stop + far)
    asked = chain_state(engine, stages, first - far, stop + far, spans)
    state, gone = out_of_reach(stages, asked)
    todo: dict[str, Cells] = {}
    entries: list[pl.DataFrame] = []
    for stage in stages:
        frame = between(state[stage.name], cells)
        lost = frame.filter(
            pl.col("cell").is_in(gone[stage.name].tolist()), pl.col("revision").is_null()
        )
        save_faults(engine, stage, dict.fromkeys(lost["cell"].to_list(), DROPPED))
        entries.append(_aside(stage, lost))
        if complete:
            hasty = frame.filter(pl.col("inputs") == pl.col("inputs_before"), ~pl.col("complete"))
            entries.append(_entries(stage, hasty.with_columns(complete=True)))
        stale = frame.filter("stale")["cell"].to_numpy()
        todo[stage.name] = np.setdiff1d(stale, lost["cell"].to_numpy())
    _commit(engine, stages, entries, worker)
    n = 0
    for row in _rows_of_cells(state, todo, cells):
        began = time.perf_counter()
        mine = {name: each[np.isin(each, row)] for name, each in todo.items()}
        span = range(int(row[0]), int(row[-1]) + 1)
        made = attempt(engine, stages, state, spans, mine, span, most_hits)
        _commit_attempt(engine, stages, state, mine, made, worker, began, complete=complete)
        n += len(row)
    return n


def set_aside(engine: Engine, stages: Sequence[Stage], cell: int, fault: Exception) -> None:
    """Enter a cell as failed in all stages that are not up to date there, for a reason that shows
    only outside its task: it hangs, say."""
    state = chain_state(engine, stages, cell, cell + 1)
    stale = {stage.name: state[stage.name].filter("stale") for stage in stages}
    for stage in stages:
        save_faults(engine, stage, dict.fromkeys(stale[stage.name]["cell"].to_list(), fault))
    _commit(engine, stages, [_aside(stage, stale[stage.name]) for stage in stages], "")


def _rows_of_cells(state: State, todo: Mapping[str, Cells], cells: range) -> Iterator[Cells]:
    """Yield the cells to do in rows that are read at once: cells between them have no words."""
    wanted = _union(todo.values())
    seen = _union(between(frame, cells)["cell"].to_numpy() for frame in state.values())
    nth = np.searchsorted(seen, wanted)
    apart = (np.diff(nth) > 1) | (np.diff(wanted) > LONGEST_HOLE)
    yield from (row for row in np.split(wanted, np.flatnonzero(apart) + 1) if len(row))


def _union(arrays: Iterable[Cells]) -> Cells:
    return np.unique(np.concatenate([np.zeros(0, np.int64), *arrays]))


def _commit_attempt(
    engine: Engine,
    stages: Sequence[Stage],
    state: State,
    todo: Mapping[str, Cells],
    made: Attempt,
    worker: str,
    began: float,
    *,
    complete: bool,
) -> None:
    seconds = (time.perf_counter() - began) / sum(map(len, todo.values()))
    doubtful: dict[str, Cells] = {}
    entries: list[pl.DataFrame] = []
    for stage in stages:
        faults = made.faults.get(stage.name, {})
        rests = [resting_on(stage, doubtful[name]) for name in stage.inputs]
        doubtful[stage.name] = _union([np.array(list(faults), np.int64), *rests])
        rows = state[stage.name].filter(pl.col("cell").is_in(todo[stage.name].tolist()))
        if rows.is_empty():
            continue
        counted = made.n_rows[stage.name].group_by("cell").sum()
        failed = rows.filter(pl.col("cell").is_in(list(faults)))
        save_faults(engine, stage, {cell: faults[cell] for cell in failed["cell"]})
        doubt = pl.col("cell").is_in(doubtful[stage.name].tolist())
        found = rows.filter(~pl.col("cell").is_in(list(faults))).drop("n_rows")
        entries.append(_aside(stage, failed))
        entries.append(
            _entries(
                stage,
                found.join(counted, on="cell", how="left").with_columns(
                    pl.col("n_rows").fill_null(0),
                    attempt=pl.lit(made.number, pl.UInt64),
                    inputs=pl.when(doubt).then(_UNREAD).otherwise("inputs"),
                    complete=~doubt & complete,
                ),
                seconds,
            )
        )
    _commit(engine, stages, entries, worker)


_UNREAD = pl.lit(0, pl.UInt64)
"""In place of what a cell was made from: whoever looks again finds another, and tries anew."""


def _aside(stage: Stage, cells: pl.DataFrame) -> pl.DataFrame:
    return _entries(
        stage,
        cells.with_columns(
            inputs=_UNREAD, attempt=pl.lit(0, pl.UInt64), n_rows=0, complete=pl.lit(False)
        ),
    )


def _entries(stage: Stage, cells: pl.DataFrame, seconds: float = 0.0) -> pl.DataFrame:
    """Return the next ledger rows of cells of a stage's state, changed as they are to be."""
    return cells.select(
        pl.lit(stage.lineage.lineage).alias("lineage"),
        (pl.col("revision") + 1).fill_null(0).alias("revision"),
        *(pl.col(name).cast(kind) for name, kind in ledger.ROW.items() if name != "revision"),
        pl.lit(seconds).alias("seconds"),
    )


def _commit(
    engine: Engine, stages: Sequence[Stage], entries: Sequence[pl.DataFrame], worker: str
) -> None:
    """Write ledger rows in one insert, if there are any."""
    rows = pl.concat(entries)
    if len(rows):
        ledger.commit(engine, stages[0].run.run_id, rows, worker)

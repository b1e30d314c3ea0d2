"""One task: a stage over a row of windows, from the store to the ledger."""

import secrets
import time
import traceback

import polars as pl
import pyarrow as pa

from db.engine import Engine
from db.errors import EveryhitError, StoreError, TriggerError
from db.results import ledger
from db.results.rows import count_rows, count_without_time, insert_rows, insert_select
from db.words.headers import words_are_there
from software_triggers.isolation.process import CallError
from software_triggers.task.bind import Stage, check_times, compute, select
from software_triggers.task.inputs import input_state
from software_triggers.window import cut, of_cells

# Words that a window may bring into memory at once; larger ones are cut, since results do not
# depend on the tiling.
MOST_HITS = 1_500_000
# Seconds that windows in a row may cost on which the trigger's process ends.
MOST_LOST_S = 60.0


def process(
    engine: Engine,
    stage: Stage,
    first: int,
    stop: int,
    *,
    complete: bool,
    worker: str = "",
    most_hits: int = MOST_HITS,
) -> int:
    """Bring the results of cells [first, stop) up to date and return how many cells changed.

    Cells whose inputs are still those that the ledger names are left alone, so that a task may be
    delivered twice. So are cells of which words were dropped since, if they have a result. A cell
    on which the trigger fails is set aside, and one that it never saw before its words were
    dropped: it is entered as incomplete and empty, with its traceback in ``failures``, and the
    others go on. Raises StoreError when the store fails: then nothing is committed and the task
    can be repeated.
    """
    state = input_state(engine, stage, first, stop)
    before = ledger.current(engine, stage.run.run_id, stage.lineage.lineage, first, stop)
    joined = state.join(before, on="cell", how="left", suffix="_before")
    same = joined.filter(pl.col("inputs") == pl.col("inputs_before"))
    if complete:
        _mark_complete(engine, stage, same.filter(~pl.col("complete")), worker)
    todo = joined.filter(pl.col("inputs").ne_missing(pl.col("inputs_before")))
    if stage.reads_words and todo["n_dropped"].sum():
        lost = todo.filter((pl.col("n_dropped") > 0) & pl.col("revision").is_null())
        if len(lost):
            _set_aside(engine, stage, lost, _DROPPED, worker)
        todo = todo.filter(pl.col("n_dropped") == 0)
    for rows in _neighbours(todo):
        _attempt(engine, stage, rows, complete=complete, worker=worker, most_hits=most_hits)
    return len(todo)


def _attempt(
    engine: Engine,
    stage: Stage,
    cells: pl.DataFrame,
    *,
    complete: bool,
    worker: str,
    most_hits: int,
) -> bool:
    """Bring a row of cells up to date; whether all went well."""
    began = time.perf_counter()
    attempt = secrets.randbits(63)
    first, stop = int(cells["cell"][0]), int(cells["cell"][-1]) + 1
    try:
        _store_rows(engine, stage, first, stop, attempt, int(cells["n_read"].sum()), most_hits)
        _check_words(engine, stage, first, stop)
    except StoreError as fault:
        if stage.trigger.kind != "sql" or not fault.of_the_query:
            raise
        _fail(engine, stage, cells, fault, worker, most_hits, complete=complete)
    except CallError as fault:
        if not fault.ended or len(cells) == 1:
            _fail(engine, stage, cells, fault, worker, most_hits, complete=complete)
        else:
            _one_by_one(engine, stage, cells, worker, most_hits, complete=complete)
    except (Exception, SystemExit, pl.exceptions.PanicException) as fault:
        _fail(engine, stage, cells, fault, worker, most_hits, complete=complete)
    else:
        counted = count_rows(engine, stage.lineage, attempt, first, stop)
        _commit(engine, stage, cells, counted, attempt, worker, began, complete=complete)
        return True
    return False


def _check_words(engine: Engine, stage: Stage, first: int, stop: int) -> None:
    """Raise StoreError if words were dropped while they were read."""
    if not stage.reads_words:
        return
    read = of_cells(first, stop, stage.run.cell).widened(stage.reach)
    if not words_are_there(engine, stage.run.run_id, read.a, read.b, stage.run.detector.slice):
        raise StoreError(f"words of run {stage.run.run_id} were dropped while they were read")


def _store_rows(
    engine: Engine, stage: Stage, first: int, stop: int, attempt: int, n_read: int, most: int
) -> None:
    for window in cut(of_cells(first, stop, stage.run.cell), n_read, most):
        read = window.widened(stage.reach)
        if stage.trigger.kind == "sql":
            found = select(engine, stage, read)
            if stage.t_may_lack:
                check_times(stage.name, count_without_time(engine, found, stage.params))
            sql = f"SELECT * FROM ({found}) WHERE t >= {window.a} AND t < {window.b}"
            insert_select(engine, stage.lineage, stage.run.cell, attempt, sql, stage.params)
        else:
            rows = compute(engine, stage, read)
            own = rows.filter((pl.col("t") >= window.a) & (pl.col("t") < window.b))
            insert_rows(engine, stage.lineage, stage.run.cell, attempt, own)


def _commit(
    engine: Engine,
    stage: Stage,
    cells: pl.DataFrame,
    counted: pl.DataFrame,
    attempt: int,
    worker: str,
    began: float,
    *,
    complete: bool,
) -> None:
    rows = cells.select("cell", "inputs", "n_inputs", _next_revision()).join(
        counted, on="cell", how="left"
    )
    ledger.commit(
        engine,
        stage.run.run_id,
        stage.lineage.lineage,
        rows.with_columns(
            pl.col("n_rows").fill_null(0),
            pl.col("digest").fill_null(0),
            pl.lit(attempt, pl.UInt64).alias("attempt"),
            pl.lit(complete).alias("complete"),
        ),
        worker,
        (time.perf_counter() - began) / len(cells),
    )


def _mark_complete(engine: Engine, stage: Stage, cells: pl.DataFrame, worker: str) -> None:
    if len(cells):
        newer = cells.with_columns(pl.lit(True).alias("complete"), _next_revision())
        ledger.commit(engine, stage.run.run_id, stage.lineage.lineage, newer, worker, 0.0)


def _fail(
    engine: Engine,
    stage: Stage,
    cells: pl.DataFrame,
    fault: BaseException,
    worker: str,
    most_hits: int,
    *,
    complete: bool,
) -> None:
    """Set the cells aside; of several, find the guilty ones by halves first."""
    if len(cells) > 1:
        for half in (cells.head(len(cells) // 2), cells.tail(-(len(cells) // 2))):
            _attempt(engine, stage, half, complete=complete, worker=worker, most_hits=most_hits)
        return
    _set_aside(engine, stage, cells, fault, worker)


def _one_by_one(
    engine: Engine,
    stage: Stage,
    cells: pl.DataFrame,
    worker: str,
    most_hits: int,
    *,
    complete: bool,
) -> None:
    """Try each cell alone, after the process of the trigger ended on all of them.

    When cells that fail in a row have cost ``MOST_LOST_S``, the rest is set aside untried, so that
    a trigger that always hangs leaves the workers to others.
    """
    lost_s = 0.0
    for n, cell in enumerate(cells.iter_slices(1), 1):
        began = time.monotonic()
        good = _attempt(engine, stage, cell, complete=complete, worker=worker, most_hits=most_hits)
        lost_s = 0.0 if good else lost_s + time.monotonic() - began
        if lost_s > MOST_LOST_S and n < len(cells):
            _set_aside(engine, stage, cells[n:], _UNTRIED, worker)
            return


def set_aside(engine: Engine, stage: Stage, cell: int, fault: Exception, worker: str = "") -> None:
    """Enter a cell as failed, for a reason that shows only outside its task: it hangs, say."""
    state = input_state(engine, stage, cell, cell + 1)
    before = ledger.current(engine, stage.run.run_id, stage.lineage.lineage, cell, cell + 1)
    cells = state.join(before, on="cell", how="left", suffix="_before")
    _set_aside(engine, stage, cells, fault, worker)


def _set_aside(
    engine: Engine, stage: Stage, cells: pl.DataFrame, fault: BaseException, worker: str
) -> None:
    windows = [of_cells(cell, cell + 1, stage.run.cell) for cell in cells["cell"]]
    text = str(fault) if isinstance(fault, EveryhitError) else f"{type(fault).__name__}: {fault}"
    engine.insert(
        "failures",
        pa.table(
            {
                "run_id": pa.array([stage.run.run_id] * len(cells), pa.uint32()),
                "lineage": [stage.lineage.lineage] * len(cells),
                "cell": pa.array(cells["cell"], pa.int64()),
                "error": [
                    f"trigger {stage.name} failed on [{window.a}, {window.b}): {text}"
                    for window in windows
                ],
                "traceback": ["".join(traceback.format_exception(fault))] * len(cells),
            }
        ),
    )
    # Entered without its inputs: whoever looks again finds that they differ, and tries anew.
    unread = cells.with_columns(pl.lit(0, pl.UInt64).alias("inputs"))
    _commit(
        engine,
        stage,
        unread,
        pl.DataFrame(schema={"cell": pl.Int64, "n_rows": pl.UInt32, "digest": pl.UInt64}),
        0,
        worker,
        time.perf_counter(),
        complete=False,
    )


_DROPPED = TriggerError(
    "its raw words were dropped before it was asked: everyhit retention show tells which can be"
    " brought back"
)

_UNTRIED = TriggerError(
    f"not tried: the trigger's process ended on the windows before it for {MOST_LOST_S:g} s:"
    " mend the trigger, or give it more time or memory (EVERYHIT_TRIGGER_S,"
    " EVERYHIT_TRIGGER_MEMORY_MB)"
)


def _next_revision() -> pl.Expr:
    return (pl.col("revision") + 1).fill_null(0).alias("revision")


def _neighbours(cells: pl.DataFrame) -> list[pl.DataFrame]:
    """Return the cells in groups without holes."""
    if cells.is_empty():
        return []
    groups = cells.with_columns((pl.col("cell").diff() != 1).fill_null(False).cum_sum().alias("_"))
    return groups.partition_by("_", include_key=False)

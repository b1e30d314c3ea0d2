"""One try at a row of windows: stage after stage in memory, each one's rows stored on the way."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import polars as pl

from db.catalogue.runs import Run
from db.engine import Engine
from db.errors import StoreError
from db.results.rows import insert_rows, read_committed
from db.words.chunks import ChunkWords, read_words
from db.words.headers import words_are_there
from software_triggers.task.chain import Cells, State, Step, between, plan
from software_triggers.task.failing import Faults, find_what_can_be
from software_triggers.task.find import find
from software_triggers.task.relations import AtHand
from software_triggers.task.stage import Stage
from software_triggers.window import Window, cut, hull, of_cells


@dataclass
class Attempt:
    """What was stored, and where it failed. Nobody sees the rows until the ledger names it."""

    number: int
    n_rows: dict[str, pl.DataFrame] = field(default_factory=dict)
    """Of each stage ``cell`` and ``n_rows``; several rows for a cell that was cut."""
    faults: dict[str, Faults] = field(default_factory=dict)
    """Of each stage, also on cells that only its readers look at."""


def attempt(
    engine: Engine,
    stages: Sequence[Stage],
    state: State,
    spans: pl.DataFrame,
    todo: Mapping[str, Cells],
    cells: range,
    most_hits: int,
) -> Attempt:
    """Store the rows of each stage's ``todo`` cells, all of them among ``cells``.

    ``spans`` are the chunks that the state tells of. Words are read once for all stages, and more
    than ``most_hits`` part by part. Raises StoreError when the store fails, or when words were
    dropped while they were read.
    """
    run, made = stages[0].run, Attempt(secrets.randbits(63))
    window = of_cells(cells.start, cells.stop, run.cell)
    parts = list(cut(window, _n_read(stages, state, todo, cells), most_hits))
    for part in parts:
        steps = [step for step in plan(stages, state, todo, part) if step.computes]
        words = _words_of(engine, steps, spans)
        _work(engine, steps, state, todo, part, words, made, whole=len(parts) == 1)
        _check_words(engine, [step for step in steps if step.stage.trigger.kind == "sql"])
    return made


def _work(
    engine: Engine,
    steps: Sequence[Step],
    state: State,
    todo: Mapping[str, Cells],
    part: Window,
    words: ChunkWords | None,
    made: Attempt,
    *,
    whole: bool,
) -> None:
    at_hand = AtHand(words=words)
    for step in steps:
        stage = step.stage
        cell, mine = stage.run.cell, todo[stage.name]
        rows = _rows(engine, step, state[stage.name], at_hand, made)
        at_hand.rows[stage.name] = rows
        own = rows.filter(
            pl.col("t").is_between(part.a, part.b, closed="left"),
            (pl.col("t") // cell).is_in(mine.tolist()),
        )
        shown = own
        if any(_reads_by_sql(other.stage, stage) for other in steps):
            # SQL finds these rows in the store: those that it looks at beyond the window, too.
            shown = rows
            at_hand.attempts[stage.name] = made.number if whole else secrets.randbits(63)
            if not whole:
                insert_rows(engine, stage.lineage, cell, at_hand.attempts[stage.name], rows)
                shown = own
        insert_rows(engine, stage.lineage, cell, made.number, shown)
        counted = own.group_by(cell=pl.col("t") // cell).agg(n_rows=pl.len())
        before = made.n_rows.get(stage.name, counted.clear())
        made.n_rows[stage.name] = pl.concat([before, counted])


def _rows(
    engine: Engine, step: Step, state: pl.DataFrame, at_hand: AtHand, made: Attempt
) -> pl.DataFrame:
    """Return what a stage finds in its window, where need be with what is committed in parts."""
    stage, found = step.stage, list[pl.DataFrame]()
    for window, anew in step.pieces:
        if not anew:
            a, b = window.a, window.b
            found.append(read_committed(engine, stage.lineage, stage.run.cell, a, b, ordered=False))
            continue
        cells = between(state, window.cells(stage.run.cell))["cell"].to_list()
        look = partial(find, engine, stage, at_hand=at_hand)
        rows, faults = find_what_can_be(stage, cells, window, look)
        made.faults.setdefault(stage.name, {}).update(faults)
        found.append(rows)
    return found[0] if len(found) == 1 else pl.concat(found)


def _reads_by_sql(reader: Stage, stage: Stage) -> bool:
    return reader.trigger.kind == "sql" and stage.name in reader.inputs


def _looked_at(steps: Sequence[Step]) -> list[Window]:
    """Return the times whose words the stages look at."""
    return [
        piece.widened(step.stage.reach)
        for step in steps
        if step.stage.reads_words
        for piece, anew in step.pieces
        if anew
    ]


def _words_of(engine: Engine, steps: Sequence[Step], spans: pl.DataFrame) -> ChunkWords | None:
    """Return the words that functions look at; SQL fetches its own.

    Raises StoreError if some of ``spans`` were dropped meanwhile.
    """
    looked_at = _looked_at([step for step in steps if step.stage.trigger.kind != "sql"])
    if not looked_at:
        return None
    run, read = steps[0].stage.run, hull(looked_at)
    words = read_words(engine, run.run_id, read.a, read.b, run.detector.slice)
    overlap = pl.any_horizontal(
        (pl.col("t_first") < each.b) & (pl.col("t_last") >= each.a) for each in looked_at
    )
    believed = pl.col("n_hits") > pl.col("n_corrupt")
    if not np.isin(spans.filter(overlap, believed)["id"].to_numpy(), words.ids).all():
        raise _dropped(run)
    return words


def _check_words(engine: Engine, steps: Sequence[Step]) -> None:
    """Raise StoreError if words that SQL fetched by itself were dropped meanwhile."""
    looked_at = _looked_at(steps)
    if not looked_at:
        return
    run = steps[0].stage.run

    def words_stay(read: Window) -> bool:
        return words_are_there(engine, run.run_id, read.a, read.b, run.detector.slice)

    if not words_stay(hull(looked_at)) and not all(map(words_stay, looked_at)):
        raise _dropped(run)


def _dropped(run: Run) -> StoreError:
    return StoreError(f"words of run {run.run_id} were dropped while they were read")


def _n_read(stages: Sequence[Stage], state: State, todo: Mapping[str, Cells], cells: range) -> int:
    """Return how many words, or else rows of triggers, come into memory for a row of cells."""
    working = [stage for stage in stages if len(todo[stage.name])]
    if any(stage.reads_words for stage in working):
        return int(between(state[working[0].name], cells)["n_words"].sum())
    inputs = {name for stage in working for name in stage.inputs}
    return sum(int(between(state[name], cells)["n_rows"].sum()) for name in inputs)

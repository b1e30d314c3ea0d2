"""Whether a run's triggers are through with a range: nothing in it will be read again."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from db.catalogue.runs import Run
from db.engine import Engine
from db.errors import TriggerError, UsageError
from db.results.rows import Lineage, list_lineages
from db.words.headers import dropped_words
from software_triggers.conductor.progress import EVER
from software_triggers.registry import triggers_of_run
from software_triggers.task.chain import State, margins, out_of_reach
from software_triggers.task.inputs import chain_state
from software_triggers.task.stage import Stage
from software_triggers.trigger import Trigger
from software_triggers.window import Window

MOST_CELLS = 20_000
"""Cells whose state is compared at a time."""


def enabled_stages(engine: Engine, run: Run, known: Mapping[str, Trigger]) -> list[Stage]:
    """Return stages for what the run's settings want and all it depends on.

    Of each trigger it is the newest lineage, the one that a query sees: nothing new is entered.
    Raises TriggerError where a trigger has never run, or is not known here.
    """
    lineages = {each.lineage: each for each in reversed(list_lineages(engine, run.run_id))}
    newest = {each.name: each for each in lineages.values()}
    stages: dict[str, Stage] = {}

    def visit(lineage: Lineage) -> None:
        if lineage.name not in known:
            raise TriggerError(f"trigger {lineage.name} is not known here: set EVERYHIT_TRIGGERS")
        inputs = {name: lineages[other] for name, other in lineage.inputs.items()}
        for other in inputs.values():
            visit(other)
        far = max((stages[other].horizon for other in lineage.inputs.values()), default=0)
        stages[lineage.lineage] = Stage(
            known[lineage.name], run, lineage.params, lineage, inputs, lineage.reach + far
        )

    for name in run.settings.get("triggers", {}):
        if name not in newest:
            raise TriggerError(f"trigger {name} has never run on it")
        visit(newest[name])
    return list(stages.values())


def windows_behind(
    engine: Engine, run: Run, a: int, b: int, folders: Iterable[Path] = ()
) -> dict[str, int]:
    """Return how many windows that look at [a, b) ticks a run's triggers have not passed, by name.

    Triggers that have passed all of them are left out. Raises TriggerError as ``enabled_stages``.
    """
    stages = enabled_stages(engine, run, triggers_of_run(engine, run, folders))
    behind = {stage.name: cells_behind(engine, stage, a, b) for stage in stages}
    return {name: n for name, n in behind.items() if n}


def cells_behind(engine: Engine, stage: Stage, a: int, b: int) -> int:
    """Return how many cells that look at [a, b) have no result yet that is complete and stands."""
    cells = Window(a, b).widened(stage.horizon).cells(stage.run.cell)
    stands = ~pl.col("stale") & pl.col("complete").fill_null(False)
    return sum(len(state[stage.name].filter(~stands)) for state in _states(engine, [stage], cells))


def refuse_dropped(engine: Engine, stages: Sequence[Stage], span: tuple[int, int] | None) -> None:
    """Raise UsageError if results in ``span`` can't be had, since words they need were dropped.

    ``span`` is in ticks, None for the whole run. Results from before the words were dropped stand.
    """
    gone = dropped_words(engine, stages[0].run.run_id, -EVER, EVER) if stages else None
    if gone is None:
        return
    cell, margin = stages[0].run.cell, max(stage.horizon for stage in stages)
    low, high = gone.a - margin, gone.b + margin
    if span:
        low, high = max(low, span[0]), min(high, span[1])
    if low >= high:
        return
    far, wanted = max(margins(stages).values()), Window(low, high)
    for state in _states(engine, stages, wanted.widened(far).cells(cell)):
        _, gone_cells = out_of_reach(stages, state)
        for stage in stages:
            lost = np.intersect1d(gone_cells[stage.name], np.array(wanted.cells(cell)))
            if len(lost):
                raise UsageError(_refusal(stage, int(lost[0]), int(lost[-1]) + 1))


def _states(engine: Engine, stages: Sequence[Stage], cells: range) -> Iterator[State]:
    """Yield the chain's state for some cells after the other."""
    for a in range(cells.start, cells.stop, MOST_CELLS):
        yield chain_state(engine, stages, a, min(a + MOST_CELLS, cells.stop))


def _refusal(stage: Stage, first: int, stop: int) -> str:
    second = stage.run.cell * float(stage.run.detector.tick) * 1e-9
    return (
        f"trigger {stage.name} can't look at run {stage.run.run_id} from {first * second:.9g} s to"
        f" {stop * second:.9g} s any more: raw words were dropped there. Name another range with"
        " --from and --to; everyhit retention show tells what can be brought back"
    )

"""Whether a run's triggers are through with a range: nothing in it will be read again."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl

from db.catalogue.runs import Run
from db.engine import Engine
from db.errors import TriggerError, UsageError
from db.results import ledger
from db.results.rows import Lineage, list_lineages
from db.words.headers import dropped_words
from software_triggers.conductor.conductor import needed_cells
from software_triggers.conductor.progress import EVER
from software_triggers.registry import triggers_of_run
from software_triggers.task.bind import Stage
from software_triggers.task.inputs import input_state
from software_triggers.trigger import Trigger

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
        stages[lineage.lineage] = Stage(known[lineage.name], run, lineage.params, lineage, inputs)

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
    cell = stage.run.cell
    stands = pl.col("same") & pl.col("complete").fill_null(False)
    return sum(
        len(cells.filter(~stands))
        for cells in _compared(
            engine, stage, (a - stage.reach) // cell, -(-(b + stage.reach) // cell)
        )
    )


def refuse_dropped(engine: Engine, stages: Sequence[Stage], span: tuple[int, int] | None) -> None:
    """Raise UsageError if results in ``span`` can't be had, since words they need were dropped.

    ``span`` is in ticks, None for the whole run. Results from before the words were dropped stand.
    """
    gone = dropped_words(engine, stages[0].run.run_id, -EVER, EVER) if stages else None
    if gone is None:
        return
    margin = sum(stage.reach + stage.run.cell for stage in stages)
    low, high = gone.a - margin, gone.b + margin
    if span:
        low, high = max(low, span[0]), min(high, span[1])
    if low >= high:
        return
    cells = needed_cells(stages, low, high)
    for stage in stages:
        if stage.reads_words:
            for state in _compared(engine, stage, *cells[stage.name]):
                lost = state.filter((pl.col("n_dropped") > 0) & ~pl.col("same"))["cell"].to_list()
                if lost:
                    raise UsageError(_refusal(stage, lost[0], lost[-1] + 1))


def _compared(engine: Engine, stage: Stage, first: int, stop: int) -> Iterator[pl.DataFrame]:
    """Yield the cells' ``input_state``, whether it is the ``same`` as in the ledger, and whether
    they are ``complete`` there."""
    for a in range(first, stop, MOST_CELLS):
        b = min(a + MOST_CELLS, stop)
        known = ledger.current(engine, stage.run.run_id, stage.lineage.lineage, a, b)
        state = input_state(engine, stage, a, b)
        yield state.join(known, on="cell", how="left", suffix="_done").with_columns(
            same=pl.col("inputs").eq_missing(pl.col("inputs_done"))
        )


def _refusal(stage: Stage, first: int, stop: int) -> str:
    second = stage.run.cell * float(stage.run.detector.tick) * 1e-9
    return (
        f"trigger {stage.name} can't look at run {stage.run.run_id} from {first * second:.9g} s to"
        f" {stop * second:.9g} s any more: raw words were dropped there. Name another range with"
        " --from and --to; everyhit retention show tells what can be brought back"
    )

"""Windows on which a trigger fails: which they are, and what is entered of them."""

import time
import traceback
from collections.abc import Callable, Mapping, Sequence

import polars as pl

from db.engine import Engine
from db.errors import EveryhitError, StoreError, TriggerError
from db.results.failures import save_failures
from software_triggers.isolation.process import CallError
from software_triggers.task.columns import no_rows
from software_triggers.task.stage import Stage
from software_triggers.window import Window, of_cells

# Seconds that windows in a row may cost on which the trigger's process ends.
MOST_LOST_S = 60.0

Faults = dict[int, BaseException]
"""Cells on which a trigger failed, and why."""


def find_what_can_be(
    stage: Stage, cells: Sequence[int], window: Window, find: Callable[[Window], pl.DataFrame]
) -> tuple[pl.DataFrame, Faults]:
    """Return what a trigger finds in a window, without the ``cells`` on which it fails, and those.

    The guilty are found by halves; one by one where the trigger's process ended, as that costs
    time. When cells that fail in a row have cost ``MOST_LOST_S``, the rest is given up untried, so
    that a trigger that always hangs leaves the workers to others. Raises StoreError when it is not
    the trigger that fails.
    """
    try:
        return find(window), {}
    except StoreError as fault:
        if stage.trigger.kind != "sql" or not fault.of_the_query:
            raise
        said: BaseException = fault
    except (Exception, SystemExit, pl.exceptions.PanicException) as fault:
        said = fault
    if len(cells) <= 1:
        return no_rows(stage), dict.fromkeys(cells, said)
    one_by_one = isinstance(said, CallError) and said.ended
    size = 1 if one_by_one else -(-len(cells) // 2)
    found: list[pl.DataFrame] = [no_rows(stage)]
    faults: Faults = {}
    lost_s = 0.0
    for k in range(0, len(cells), size):
        if lost_s > MOST_LOST_S:
            return pl.concat(found), faults | dict.fromkeys(cells[k:], _UNTRIED)
        some, began = cells[k : k + size], time.monotonic()
        a, b = some[0] * stage.run.cell, (some[-1] + 1) * stage.run.cell
        part = Window(max(a, window.a), min(b, window.b))
        rows, bad = find_what_can_be(stage, some, part, find)
        found.append(rows)
        faults |= bad
        lost_s = lost_s + time.monotonic() - began if bad and one_by_one else 0.0
    return pl.concat(found), faults


def save_faults(engine: Engine, stage: Stage, faults: Mapping[int, BaseException]) -> None:
    """Enter why a stage failed on some cells."""
    by_fault: dict[int, list[int]] = {}
    for cell, fault in sorted(faults.items()):
        by_fault.setdefault(id(fault), []).append(cell)
    for cells in by_fault.values():
        fault = faults[cells[0]]
        kind = "" if isinstance(fault, EveryhitError) else f"{type(fault).__name__}: "
        windows = [of_cells(cell, cell + 1, stage.run.cell) for cell in cells]
        errors = [f"trigger {stage.name} failed on [{w.a}, {w.b}): {kind}{fault}" for w in windows]
        text = "".join(traceback.format_exception(fault))
        save_failures(engine, stage.lineage, cells, errors, text)


DROPPED = TriggerError(
    "its raw words were dropped before it was asked: everyhit retention show tells which can be"
    " brought back"
)

_UNTRIED = TriggerError(
    f"not tried: the trigger's process ended on the windows before it for {MOST_LOST_S:g} s:"
    " mend the trigger, or give it more time or memory (EVERYHIT_TRIGGER_S,"
    " EVERYHIT_TRIGGER_MEMORY_MB)"
)

"""What a stage finds in a window: its SELECT, or its function, over what it reads."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from db.engine import Engine
from db.errors import TriggerError
from db.relations.query import ask_bound, fetch_bound
from db.relations.query import bind as bind_query
from db.relations.relation import Relation
from db.user_sql.confine import UserSelect, confined
from software_triggers.files import file_digest
from software_triggers.task.columns import check_times, in_kind
from software_triggers.task.relations import NOTHING, AtHand, frames, relations_of
from software_triggers.task.stage import Stage
from software_triggers.trigger import Trigger
from software_triggers.window import Window

T = TypeVar("T")


def select(engine: Engine, stage: Stage, read: Window, at_hand: AtHand = NOTHING) -> str:
    """Return the SQL of an SQL stage with every name bound to its rows in ``read``."""
    return bind_query(engine, *_query(engine, stage, read, at_hand))


def ask(
    engine: Engine,
    stage: Stage,
    read: Window,
    what: Callable[[str], T],
    at_hand: AtHand = NOTHING,
) -> T:
    """Return what a function makes of the SQL of an SQL stage over ``read``.

    Where words of it lie in another home it is called twice, with them fetched.
    """
    return ask_bound(engine, *_query(engine, stage, read, at_hand), what)


def _query(
    engine: Engine, stage: Stage, read: Window, at_hand: AtHand
) -> tuple[UserSelect, dict[str, Relation]]:
    query = confined(engine, stage.trigger.source, stage.trigger.reads, repeatable=True)
    names = relations_of(stage.run, stage.trigger, stage.inputs, read, query.names, at_hand)
    return query, names


def find(engine: Engine, stage: Stage, window: Window, at_hand: AtHand = NOTHING) -> pl.DataFrame:
    """Return the rows that a stage finds with t in a window, in the columns of its table.

    Raises TriggerError for rows that don't fit it, StoreError when the store fails.
    """
    rows = compute(engine, stage, window.widened(stage.reach), at_hand)
    return rows.filter(pl.col("t").is_between(window.a, window.b, closed="left"))


def compute(engine: Engine, stage: Stage, read: Window, at_hand: AtHand = NOTHING) -> pl.DataFrame:
    """Return what a stage finds in ``read``, margins included, columns checked.

    Raises TriggerError when a function returns no frame or lacks a column.
    """
    if stage.trigger.kind == "sql":
        rows = ask(engine, stage, read, lambda sql: fetch_bound(engine, sql, stage.params), at_hand)
    else:
        given = {**stage.params, **_files(stage)}
        given |= frames(engine, stage.run, stage.trigger, stage.inputs, read, at_hand)
        if "detector" in stage.trigger.arguments:
            given["detector"] = stage.run.detector
        assert stage.trigger.compute is not None
        rows = stage.trigger.compute(**given)
    if not isinstance(rows, pl.DataFrame) or "t" not in rows.columns:
        got = f"columns {', '.join(rows.columns)}" if isinstance(rows, pl.DataFrame) else type(rows)
        raise TriggerError(
            f"trigger {stage.name} must return a Polars frame with an integer column t, got {got}"
        )
    check_times(stage.name, rows["t"].null_count())
    wanted = stage.lineage.columns
    if not wanted:
        return rows
    if set(rows.columns) != set(wanted):
        raise TriggerError(
            f"trigger {stage.name} returned columns {', '.join(rows.columns)};"
            f" on no hits it returned {', '.join(wanted)}: return the same ones always"
        )
    return rows.select(in_kind(stage, rows[name]) for name in wanted)


def _files(stage: Stage) -> dict[str, Path]:
    """Return the files that a stage is given; TriggerError if one is no longer what it was."""
    for name, now in file_digests(stage.trigger, stage.params).items():
        if now != stage.files[name]:
            raise TriggerError(
                f"trigger {stage.name}: {name} = {stage.params[name]} changed since the trigger was"
                " bound to the run: start again, or reprocess, to have results with what it is now"
            )
    return {name: Path(stage.params[name]) for name in stage.files}


def file_digests(trigger: Trigger, params: Mapping[str, Any]) -> dict[str, str]:
    """Return a hash of what is in each file that a trigger is given, by parameter.

    Raises TriggerError for one that can't be read.
    """
    try:
        return {name: file_digest(Path(params[name])) for name in trigger.files}
    except TriggerError as fault:
        raise TriggerError(f"trigger {trigger.name}: {fault}") from None

"""Triggers bound to a run: parameters given, inputs resolved, lineage hashed, in working order."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import Any

import structlog

from db.catalogue.runs import Run
from db.engine import Engine
from db.errors import EveryhitError, StoreError, TriggerError, UnknownColumnError
from db.relations.query import columns_of
from db.relations.relation import SOURCES
from db.results.rows import Lineage, create_table, enter_lineage
from db.words.hits_view import create_views
from software_triggers.isolation.process import CallError
from software_triggers.task.columns import PLAIN, checked, no_such_column, sql_type
from software_triggers.task.find import compute, file_digests, select
from software_triggers.task.relations import check_columns, columns_there
from software_triggers.task.stage import Stage
from software_triggers.trigger import Trigger
from software_triggers.window import Window

_log = structlog.get_logger()


def bind(
    engine: Engine,
    run: Run,
    triggers: Mapping[str, Trigger],
    wanted: Mapping[str, Mapping[str, Any]],
    check: Callable[[Sequence[Stage]], None] = lambda _: None,
) -> tuple[Stage, ...]:
    """Return the ``stages_of`` a run with their lineages entered, unless ``check`` raises.

    Then queries see nothing new.
    """
    ready = stages_of(engine, run, triggers, wanted)
    check(ready)
    for stage in ready:
        if stage.trigger.uncovered:
            _log.warning(
                "a lineage does not cover all that its trigger reaches: give the trigger another"
                " version when it changes",
                trigger=stage.name,
                not_covered=", ".join(stage.trigger.uncovered),
            )
        enter_lineage(engine, stage.lineage)
    return ready


def stages_of(
    engine: Engine,
    run: Run,
    triggers: Mapping[str, Trigger],
    wanted: Mapping[str, Mapping[str, Any]],
) -> tuple[Stage, ...]:
    """Return stages for the wanted triggers and all they depend on, inputs before their readers.

    ``wanted`` maps names to parameters. The run may be one that is only planned: nothing is
    entered, though the views and tables that the stages need are made. Raises TriggerError or
    SqlError for an unknown name, a circle, or a trigger that does not fit the run.
    """
    create_views(engine, run.detector)
    stages: dict[str, Stage] = {}
    under_way: list[str] = []

    def visit(name: str) -> None:
        if name in stages:
            return
        if name in under_way:
            raise TriggerError(f"triggers depend on each other: {' -> '.join([*under_way, name])}")
        if name not in triggers:
            reader = f" (read by {under_way[-1]})" if under_way else ""
            raise TriggerError(
                f"there is no trigger {name!r}{reader}; known: {', '.join(sorted(triggers))}"
            )
        under_way.append(name)
        for other in triggers[name].reads:
            if other not in SOURCES:
                visit(other)
        under_way.pop()
        stages[name] = _stage(engine, run, triggers[name], wanted.get(name, {}), stages)

    for name in wanted:
        visit(name)
    return tuple(stages.values())


def _stage(
    engine: Engine,
    run: Run,
    trigger: Trigger,
    params: Mapping[str, Any],
    stages: Mapping[str, Stage],
) -> Stage:
    tick, trigger = run.detector.tick, trigger.with_code()
    given = trigger.given(params)
    ticks = trigger.in_ticks(given, tick)
    inputs = {name: stages[name].lineage for name in trigger.reads if name not in SOURCES}
    reads = {name: lineage.lineage for name, lineage in inputs.items()}
    # A count bears the time at which its slice begins, and its words may lie anywhere in the slice.
    reach = trigger.reach_ticks(given, tick) + run.detector.slice * ("rates" in trigger.reads)
    bare = Lineage(
        lineage="",
        run_id=run.run_id,
        name=trigger.name,
        version=trigger.version,
        kind=trigger.kind,
        params=ticks,
        inputs=reads,
        reach=reach,
        fingerprint=run.detector.fingerprint,
        source=trigger.source,
        columns={},
        file=trigger.file,
    )
    stage = Stage(trigger, run, ticks, bare, inputs, files=file_digests(trigger, ticks))
    check_columns(run, trigger, inputs)
    found = sql_columns(engine, stage) if trigger.kind == "sql" else _frame_columns(engine, stage)
    columns = checked(stage, found)
    told = {
        "name": trigger.name,
        "version": trigger.version,
        "source": trigger.source,
        "code": trigger.code,
        "params": {**ticks, **stage.files},
        "reach": reach,
        "inputs": reads,
        "detector": run.detector.fingerprint,
        "columns": columns,
    }
    digest = blake2b(json.dumps(told, sort_keys=True).encode(), digest_size=6).hexdigest()
    lineage = replace(bare, lineage=digest, columns=columns)
    create_table(engine, lineage)
    far = max((stages[name].horizon for name in inputs), default=0)
    return replace(stage, lineage=lineage, horizon=reach + far)


def sql_columns(engine: Engine, stage: Stage) -> dict[str, str]:
    """Return names and types of the columns that a trigger in SQL returns.

    Raises TriggerError where the engine can't run it.
    """
    try:
        found = columns_of(engine, select(engine, stage, Window(0, 0)), stage.params)
    except UnknownColumnError as fault:
        there = columns_there(stage.run, stage.trigger, stage.inputs)
        raise TriggerError(f"trigger {stage.name}: {fault}; {there}") from None
    except StoreError as fault:
        if not fault.of_the_query:
            raise
        given = ", ".join(f"{name} = {value}" for name, value in stage.params.items())
        told = str(fault).partition(": while executing")[0]
        raise TriggerError(
            f"trigger {stage.name} can't run with {given or 'no hits'}: {told}"
        ) from fault
    columns = {name: re.sub(r"LowCardinality\((.+)\)", r"\1", kind) for name, kind in found}
    for name, kind in columns.items():
        if name != "t" and not PLAIN.fullmatch(kind):
            raise no_such_column(stage, name, kind)
    return columns


def _frame_columns(engine: Engine, stage: Stage) -> dict[str, str]:
    try:
        rows = compute(engine, stage, Window(0, 0))
    except EveryhitError as fault:
        if not isinstance(fault, CallError):
            raise
        raise _no_columns(stage, str(fault)) from fault
    except (Exception, SystemExit) as fault:
        raise _no_columns(stage, f"{type(fault).__name__}: {fault}") from fault
    return {name: sql_type(stage, name, kind) for name, kind in rows.schema.items()}


def _no_columns(stage: Stage, told: str) -> TriggerError:
    return TriggerError(
        f"trigger {stage.name} fails on a window without hits: {told};"
        " it must return its columns then, too"
    )

"""Triggers bound to a run: parameters given, inputs resolved, lineage hashed, in working order."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar

import polars as pl
import structlog

from db.catalogue.runs import Run
from db.engine import Engine
from db.errors import EveryhitError, StoreError, TriggerError, UnknownColumnError
from db.relations.query import ask_bound, columns_of, fetch_bound
from db.relations.query import bind as bind_query
from db.relations.relation import Relation
from db.results.rows import Lineage, create_table, enter_lineage
from db.user_sql.confine import UserSelect, confined
from db.words.hits_view import create_views
from software_triggers.files import file_digest
from software_triggers.isolation.process import CallError
from software_triggers.task.relations import (
    NOTHING,
    AtHand,
    check_columns,
    columns_there,
    frames,
    relations_of,
)
from software_triggers.trigger import SOURCES, Trigger
from software_triggers.window import Window

_log = structlog.get_logger()

T = TypeVar("T")


@dataclass(frozen=True)
class Stage:
    """A trigger in a run, ready to work on its windows."""

    trigger: Trigger
    run: Run
    params: Mapping[str, Any]
    """All parameters, durations in ticks."""
    lineage: Lineage
    inputs: Mapping[str, Lineage]
    """Lineages of the triggers that it reads."""
    horizon: int = 0
    """Ticks from a window to the words that its rows may hang on: reach, added up along what it
    reads."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Parameters that are files, with a hash of what was in each when the stage was bound."""

    @property
    def name(self) -> str:
        """The trigger's name."""
        return self.trigger.name

    @property
    def reach(self) -> int:
        """Ticks to look beyond a window."""
        return self.lineage.reach

    @property
    def reads_hits(self) -> bool:
        """Whether it looks at hits, words or rates, and not only at results of other triggers."""
        return any(name in SOURCES for name in self.trigger.reads)

    @property
    def reads_words(self) -> bool:
        """Whether it brings words into memory."""
        return "hits" in self.trigger.reads or "words" in self.trigger.reads


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
    stage = Stage(trigger, run, ticks, bare, inputs, files=_digests(trigger, ticks))
    check_columns(run, trigger, inputs)
    found = _sql_columns(engine, stage) if trigger.kind == "sql" else _frame_columns(engine, stage)
    columns = _checked(stage, found)
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


def _digests(trigger: Trigger, params: Mapping[str, Any]) -> dict[str, str]:
    try:
        return {name: file_digest(Path(params[name])) for name in trigger.files}
    except TriggerError as fault:
        raise TriggerError(f"trigger {trigger.name}: {fault}") from None


def _files(stage: Stage) -> dict[str, Path]:
    """Return the files that a stage is given; TriggerError if one is no longer what it was."""
    for name, now in _digests(stage.trigger, stage.params).items():
        if now != stage.files[name]:
            raise TriggerError(
                f"trigger {stage.name}: {name} = {stage.params[name]} changed since the trigger was"
                " bound to the run: start again, or reprocess, to have results with what it is now"
            )
    return {name: Path(stage.params[name]) for name in stage.files}


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
    return rows.select(_in_kind(stage, rows[name]) for name in wanted)


def check_times(name: str, n_without: int) -> None:
    """Raise TriggerError if a trigger returned rows without a time."""
    if n_without:
        raise TriggerError(
            f"trigger {name} returned {n_without} rows whose t is NULL: each row needs a time;"
            " leave such rows out"
        )


def _in_kind(stage: Stage, column: pl.Series) -> pl.Series:
    """Return a column in the type that its table has; TriggerError if a value would change."""
    kind = stage.lineage.columns[column.name]
    wanted = _frame_type(kind)
    if kind.startswith("Array(") and column.null_count():
        raise TriggerError(
            f"trigger {stage.name}: column {column.name} lacks {column.null_count()} lists"
            " (null): return empty lists, or lists of null"
        )
    n_null = _null_count(column)
    if n_null and "Nullable(" not in kind:
        raise TriggerError(
            f"trigger {stage.name}: column {column.name} lacks {n_null} values (null), and the"
            " trigger says nulls=False: fill them, or leave that out"
        )
    if column.dtype == wanted:
        return column
    try:
        cast = column.cast(wanted)
        if column.dtype == pl.Null or cast.cast(column.dtype).equals(column):
            return cast
    except pl.exceptions.PolarsError:
        pass
    raise TriggerError(
        f"trigger {stage.name}: column {column.name} is {column.dtype} with values that"
        f" {wanted}, its type on no hits, can't hold: return the same type always"
    )


def _null_count(column: pl.Series) -> int:
    if isinstance(column.dtype, pl.List | pl.Array):
        return column.explode(empty_as_null=False).null_count()
    return column.null_count()


def _sql_columns(engine: Engine, stage: Stage) -> dict[str, str]:
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
        if name != "t" and not _PLAIN.fullmatch(kind):
            raise _no_such_column(stage, name, kind)
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
    return {name: _sql_type(stage, name, kind) for name, kind in rows.schema.items()}


def _no_columns(stage: Stage, told: str) -> TriggerError:
    return TriggerError(
        f"trigger {stage.name} fails on a window without hits: {told};"
        " it must return its columns then, too"
    )


def _checked(stage: Stage, columns: dict[str, str]) -> dict[str, str]:
    if not TIME.fullmatch(columns.get("t", "")):
        kind = columns.get("t")
        found = f"t is {kind}" if kind else f"it returns {', '.join(columns)}"
        raise TriggerError(
            f"trigger {stage.name} must return an integer column t, ticks since the run's start;"
            f" {found}"
        )
    taken = {"run_id", "cell", "attempt"} & set(columns)
    if taken:
        raise TriggerError(f"trigger {stage.name}: column {taken.pop()} is the ledger's: rename it")
    return {"t": "Int64"} | {name: kind for name, kind in columns.items() if name != "t"}


def _sql_type(stage: Stage, name: str, kind: pl.DataType) -> str:
    if isinstance(kind, pl.List | pl.Array):
        return f"Array({_sql_type(stage, name, kind.inner)})"  # type: ignore[arg-type]
    if kind == pl.Null:  # an empty column whose type nobody named
        kind = pl.Int64() if name == "t" else pl.Float64()
    if kind in _SQL_TYPES:
        bare = _SQL_TYPES[kind]
        return f"Nullable({bare})" if stage.trigger.nulls and name != "t" else bare
    raise _no_such_column(stage, name, kind)


def _no_such_column(stage: Stage, name: str, kind: object) -> TriggerError:
    return TriggerError(
        f"trigger {stage.name}: column {name} is {kind}; columns may be integers, floats, booleans,"
        " strings and lists of these: convert it"
    )


def no_rows(stage: Stage) -> pl.DataFrame:
    """Return a frame without rows of a stage's columns."""
    return pl.DataFrame(schema={n: _frame_type(kind) for n, kind in stage.lineage.columns.items()})


def _frame_type(kind: str) -> pl.DataType:
    if kind.startswith("Array("):
        return pl.List(_frame_type(kind[len("Array(") : -1]))
    bare: pl.DataType = _FRAME_TYPES[kind.removeprefix("Nullable(").rstrip(")")]()
    return bare


TIME = re.compile(r"Nullable\(U?Int(8|16|32|64)\)|U?Int(8|16|32|64)")
"""Types that a trigger's t may have."""

_PLAIN = re.compile(
    r"(Array\(|Nullable\()*(U?Int(8|16|32|64)|Float(32|64)|Bool|String)\)*", re.ASCII
)
"""Types of columns that frames hold as the engine does."""

_SQL_TYPES: dict[Any, str] = {
    pl.Int8: "Int8",
    pl.Int16: "Int16",
    pl.Int32: "Int32",
    pl.Int64: "Int64",
    pl.UInt8: "UInt8",
    pl.UInt16: "UInt16",
    pl.UInt32: "UInt32",
    pl.UInt64: "UInt64",
    pl.Float32: "Float32",
    pl.Float64: "Float64",
    pl.Boolean: "Bool",
    pl.String: "String",
}
_FRAME_TYPES = {text: kind for kind, text in _SQL_TYPES.items()}

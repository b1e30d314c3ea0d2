"""What a trigger in SQL would find, without storing anything; and where its text is wrong."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
import sqlglot

from db.catalogue.runs import Run
from db.engine import Engine
from db.errors import EveryhitError, StoreError, TriggerError
from db.relations.query import columns_of
from db.relations.relation import SOURCES
from db.results.rows import Lineage, committed_sql, count_without_time, list_lineages
from db.user_sql.limits import fetch_first
from db.user_sql.profile import Profile, profile_of
from db.words.hits_view import create_views
from db.words.rates import count_hits
from db.words.totals import extent
from software_triggers.task.columns import TIME, check_times
from software_triggers.task.find import ask
from software_triggers.task.names import lineage_of
from software_triggers.task.stage import Stage
from software_triggers.trigger import Trigger
from software_triggers.window import Window


@dataclass(frozen=True)
class DryRun:
    """What a trigger finds in a range."""

    n_rows: int
    rows: pl.DataFrame
    """The first of them, in order of t."""
    columns: Mapping[str, str]
    """Name and type of what it returns."""


@dataclass(frozen=True)
class TextPosition:
    """Where in a text something is wrong, counted from 1."""

    line: int
    column: int


def dry_run(
    engine: Engine, run: Run, trigger: Trigger, window: Window, *, most: int, seconds: float
) -> DryRun:
    """Return what a trigger in SQL finds in a window of a run, and its first ``most`` rows.

    What it reads of other triggers are their newest committed rows. Raises TriggerError, SqlError
    or UsageError, and StoreError in the engine's words where the query fails.
    """
    create_views(engine, run.detector)
    if trigger.kind != "sql":
        raise TriggerError(f"trigger {trigger.name} is no SQL: only SQL can be tried out here")
    stage = unstored_stage(engine, run, trigger, {})
    read = window.widened(stage.reach)
    return ask(engine, stage, read, lambda sql: _tried(engine, stage, sql, window, most, seconds))


def _tried(
    engine: Engine, stage: Stage, found: str, window: Window, most: int, seconds: float
) -> DryRun:
    trigger = stage.trigger
    columns = dict(columns_of(engine, found, stage.params))
    if not TIME.fullmatch(columns.get("t", "")):
        raise TriggerError(
            f"trigger {trigger.name} must return an integer column t, ticks since the run's start;"
            f" it returns {', '.join(f'{name} {kind}' for name, kind in columns.items())}"
        )
    if columns["t"].startswith("Nullable("):
        check_times(trigger.name, count_without_time(engine, found, stage.params))
    span = window.a, window.b
    n_rows, rows = fetch_first(engine, found, stage.params, span, most, seconds)
    return DryRun(n_rows, pl.DataFrame(pl.from_arrow(rows)), columns)


@dataclass(frozen=True)
class TriedProfile:
    """What a trigger in SQL finds over time, and how it compares with what runs."""

    profile: Profile
    window: Window
    n_hits: int
    """Hits in the whole slices around the window."""
    lineage: Lineage | None
    """That of the committed rows of this name it was set beside, if there are any."""


def profile_trigger(
    engine: Engine, run: Run, trigger: Trigger, window: Window, *, bins: int, seconds: float
) -> TriedProfile:
    """Return what a trigger that ``dry_run`` has tried finds over time, within the run's hits."""
    first, last = extent(engine, run)
    a = max(window.a, first)
    cut = Window(a, max(a + 1, min(window.b, last)))
    stage = unstored_stage(engine, run, trigger, {})
    known = bool(list_lineages(engine, run.run_id, trigger.name))
    lineage = lineage_of(engine, run, trigger.name, None, (cut.a, cut.b)) if known else None
    others = None
    if lineage is not None:
        ends = (f"toInt64({cut.a})", f"toInt64({cut.b})")
        others = committed_sql(lineage, run.cell, *ends, ("t",))
    profile = ask(
        engine,
        stage,
        cut.widened(stage.reach),
        lambda found: profile_of(
            engine, found, stage.params, (cut.a, cut.b), bins, others, seconds
        ),
    )
    return TriedProfile(profile, cut, count_hits(engine, run, cut.a, cut.b), lineage)


# How complaints name what they are about, the surest first.
_NAMED = (
    r"[`']([^`'\n]+)[`']",
    r"(?:function|parameter|identifier|no column) (\w+)",
    r"trigger (\w+)",
)


def place_of(source: str, fault: EveryhitError) -> TextPosition | None:
    """Return where in a trigger's text a complaint points to: what it says, or what it names."""
    said = str(fault)
    if match := re.search(r"line (\d+), column (\d+)", said):
        return TextPosition(int(match[1]), int(match[2]))
    named = [name for pattern in _NAMED for name in re.findall(pattern, said)]
    words = [name.split(".")[-1] for name in named]
    for word in words:
        if place := _first(source, word):
            return place
    if match := re.search(r"line (\d+)", said):
        return TextPosition(int(match[1]), 1)
    return TextPosition(1, 1) if not isinstance(fault, StoreError) else None


def _first(source: str, word: str) -> TextPosition | None:
    """Return the first place of a word of the SELECT, or else of the header."""
    try:
        tokens = sqlglot.tokenize(source, dialect="clickhouse")
    except sqlglot.errors.SqlglotError:
        tokens = []
    for token in tokens:
        if token.text == word:
            return TextPosition(token.line, token.col - len(token.text) + 1)
    at = source.find(word)
    before = source[:at]
    return TextPosition(before.count("\n") + 1, at - before.rfind("\n")) if at >= 0 else None


def unstored_stage(engine: Engine, run: Run, trigger: Trigger, params: Mapping[str, Any]) -> Stage:
    """Return the trigger as a stage of the run whose lineage is entered nowhere.

    It reads the newest lineages of other triggers.
    """
    given = trigger.given(params)
    ticks = trigger.in_ticks(given, run.detector.tick)
    inputs = {name: lineage_of(engine, run, name) for name in trigger.reads if name not in SOURCES}
    reach = trigger.reach_ticks(given, run.detector.tick)
    reach += run.detector.slice * ("rates" in trigger.reads)
    lineage = Lineage(
        lineage="",
        run_id=run.run_id,
        name=trigger.name,
        version=trigger.version,
        kind=trigger.kind,
        params=ticks,
        inputs={name: each.lineage for name, each in inputs.items()},
        reach=reach,
        fingerprint=run.detector.fingerprint,
        source=trigger.source,
        columns={},
    )
    return Stage(trigger, run, ticks, lineage, inputs)

"""What may go of the raw words, what must stay and why, and the doing of it.

All parts of an hour on a shard go together, when every run in it may go.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path

from db.catalogue.runs import Run, list_runs
from db.engine import Engine
from db.errors import EveryhitError, StoreError
from db.retention.policy import Pin, days_of, list_pins, list_policies
from db.retention.steps import Step
from db.retention.words import (
    Content,
    Part,
    active_parts,
    aside_parts,
    attach,
    detach,
    drop,
    settle,
    together,
)
from software_triggers.conductor.completeness import cells_behind, enabled_stages
from software_triggers.registry import triggers_of_run

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Rules:
    """What decides: taken once, so that a plan is of one moment."""

    now: datetime
    grace: timedelta
    policies: Mapping[str, int | None]
    pins: Sequence[Pin]
    runs: Mapping[int, Run]
    folders: Sequence[Path] = ()


def rules(engine: Engine, now: datetime, grace: timedelta, folders: Sequence[Path] = ()) -> Rules:
    """Return what decides, as the store has it."""
    runs = {run.run_id: run for run in list_runs(engine)}
    return Rules(now, grace, list_policies(engine), list_pins(engine), runs, folders)


def plan(engine: Engine, by: Rules) -> list[Step]:
    """Return a step for each hour on a shard whose words are old enough, or aside."""
    return list(_steps(engine, by))


def _steps(engine: Engine, by: Rules) -> Iterator[Step]:
    for k, shard in enumerate(engine.shards):
        aside = [part for part in aside_parts(shard.here) if part.state == "detached"]
        for hour, group in groupby(aside, lambda part: part.hour):
            yield _to_drop(engine, by, k, hour, list(group))
        # Days are whole: what was recorded an hour ago is nobody's business here.
        active = active_parts(shard.here, by.now - _youngest(by))
        for hour, group in groupby(active, lambda part: part.hour):
            yield _to_detach(engine, by, k, hour, list(group))


def apply(engine: Engine, by: Rules) -> list[Step]:
    """Do what a plan says, each step as soon as it is decided, and return what was done.

    Where a step fails it says so, and its parts stay.
    """
    for shard in engine.shards:
        settle(shard.here)
    return [_do(engine, by, step) for step in _steps(engine, by)]


def undo(engine: Engine, run_id: int | None = None, hour: datetime | None = None) -> list[Step]:
    """Bring back the parts that are aside: all, those with words of a run, or those of an hour.

    Raises StoreError where the words of a part are not on the disk any more.
    """
    steps = []
    for k, shard in enumerate(engine.shards):
        for part in aside_parts(shard.here):
            held = together([part])
            of_run = run_id is None or any(each.run_id == run_id for each in held)
            if of_run and hour in (None, part.hour):
                steps.append(Step(k, part.hour, "attach", [attach(shard.here, part)], held))
    return steps


def _youngest(by: Rules) -> timedelta:
    days = [days for days in by.policies.values() if days is not None]
    return timedelta(days=min(days, default=36500))


def _to_detach(engine: Engine, by: Rules, k: int, hour: datetime, parts: list[Part]) -> Step:
    held = together(parts)
    why = [said for each in held for said in _reasons(engine, by, each, hour)]
    return Step(k, hour, "keep" if why else "detach", parts, held, why)


def _to_drop(engine: Engine, by: Rules, k: int, hour: datetime, parts: list[Part]) -> Step:
    held = together(parts)
    since = max(part.since or by.now for part in parts)
    why = [said for each in held for said in _reasons(engine, by, each, hour)]
    if why:
        why.append("they lie aside: everyhit retention undo brings them back")
    if by.now < since + by.grace:
        why.append(f"they lie aside and can come back until {since + by.grace:%Y-%m-%d %H:%M}")
    return Step(k, hour, "keep" if why else "drop", parts, held, why)


def _do(engine: Engine, by: Rules, step: Step) -> Step:
    here = engine.shards[step.shard].here
    try:
        if step.action == "detach":
            for part in step.parts:
                detach(here, part, by.now)
        elif step.action == "drop":
            for part in step.parts:
                drop(here, part)
    except StoreError as fault:
        return Step(step.shard, step.hour, "keep", step.parts, step.contents, [str(fault)])
    return step


def _reasons(engine: Engine, by: Rules, held: Content, hour: datetime) -> list[str]:
    """Return why what an hour holds of a run must stay; empty if it may go."""
    run = by.runs.get(held.run_id)
    if run is None:
        return [f"run {held.run_id} is not in the catalogue"]
    named, days = f"run {run.run_id} ({run.name})", days_of(run, by.policies)
    if days is None:
        return [f"{named} is kept for ever"]
    if by.now < (until := hour + HOUR + timedelta(days=days)):
        return [f"{named} is kept for {days} days, until {until:%Y-%m-%d %H:%M}"]
    pins = [pin for pin in by.pins if pin.run_id == run.run_id]
    for pin in pins:
        if pin.a < held.b and held.a < pin.b:
            note = f": {pin.note}" if pin.note else ""
            return [f"{named} is pinned from {pin.a} to {pin.b} ticks{note}"]
    return _not_passed(engine, by, run, held, named)


def _not_passed(engine: Engine, by: Rules, run: Run, held: Content, named: str) -> list[str]:
    try:
        known = triggers_of_run(engine, run, by.folders)
        stages = enabled_stages(engine, run, known)
    except StoreError:
        raise
    except EveryhitError as fault:
        return [f"{named}: {fault}"]
    behind = {
        stage.name: n for stage in stages if (n := cells_behind(engine, stage, held.a, held.b))
    }
    return [
        f"{named}: trigger {name} has not passed {n} windows: everyhit reprocess --run {run.run_id}"
        f" --trigger {name}"
        for name, n in behind.items()
    ]

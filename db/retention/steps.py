"""What may go of the raw words, what must stay and why, and the doing of it.

All parts of an hour on a shard go together, when every run in it may go.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Literal

from db.catalogue.runs import Run, list_runs
from db.engine import Engine
from db.errors import EveryhitError, StoreError
from db.retention.policy import Pin, days_of, list_archives, list_pins, list_policies, policy_of
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
from db.words.homes.moves import move_words
from db.words.homes.opening import home_at

HOUR = timedelta(hours=1)

WindowsBehind = Callable[[Run, int, int], Mapping[str, int]]
"""Returns how many windows that look at [a, b) ticks a run's triggers have not passed, by name.

Triggers that have passed them all are left out. Raises StoreError where the store can't be read,
another EveryhitError where it can't be told.
"""


@dataclass(frozen=True)
class Step:
    """What is to be done with the parts of an hour on a shard, or why nothing is."""

    shard: int
    hour: datetime
    action: Literal["detach", "drop", "keep", "attach", "archive"]
    parts: Sequence[Part]
    contents: Sequence[Content]
    why: Sequence[str] = ()
    """Why they are kept, in sentences; empty where they go."""
    to: Sequence[str] = ()
    """Homes to which words of the runs in ``contents`` move, in their order."""

    @property
    def words(self) -> int:
        """Words in all parts."""
        return sum(each.words for each in self.contents)

    @property
    def bytes(self) -> int:
        """What they take on the disk."""
        return sum(part.bytes for part in self.parts)


@dataclass(frozen=True)
class RetentionRules:
    """What decides: taken once, so that a plan is of one moment."""

    now: datetime
    grace: timedelta
    policies: Mapping[str, int | None]
    pins: Sequence[Pin]
    runs: Mapping[int, Run]
    windows_behind: WindowsBehind
    archives: Mapping[str, str] = field(default_factory=dict)
    """Home to which words move instead of being dropped, by type of run."""


def read_rules(
    engine: Engine, now: datetime, grace: timedelta, windows_behind: WindowsBehind
) -> RetentionRules:
    """Return what decides, as the store has it."""
    runs = {run.run_id: run for run in list_runs(engine)}
    return RetentionRules(
        now,
        grace,
        list_policies(engine),
        list_pins(engine),
        runs,
        windows_behind,
        list_archives(engine),
    )


def plan(engine: Engine, rules: RetentionRules, *, young: bool = False) -> list[Step]:
    """Return a step for each hour on a shard whose words are old enough, or aside.

    With ``young`` also for the others: they stay, and their steps say why.
    """
    return list(_steps(engine, rules, timedelta(days=-1) if young else _youngest(rules)))


def _steps(engine: Engine, rules: RetentionRules, least_age: timedelta) -> Iterator[Step]:
    for k, shard in enumerate(engine.shards):
        aside = [part for part in aside_parts(shard.here) if part.state == "detached"]
        for hour, group in groupby(aside, lambda part: part.hour):
            yield _to_drop(rules, k, hour, list(group))
        active = active_parts(shard.here, rules.now - least_age)
        for hour, group in groupby(active, lambda part: part.hour):
            yield _to_detach(rules, k, hour, list(group))


def apply(engine: Engine, rules: RetentionRules) -> list[Step]:
    """Do what a plan says, each step as soon as it is decided, and return what was done.

    Where a step fails it says so, and its parts stay.
    """
    for shard in engine.shards:
        settle(shard.here)
    least = _youngest(rules)
    moved = [step for step in _steps(engine, rules, least) if step.action == "archive"]
    done = {(step.shard, step.hour): _done(engine, rules, step) for step in moved}
    # What moved gave all parts new names: they are looked at anew.
    rest = [
        _done(engine, rules, step)
        for step in _steps(engine, rules, least)
        if step.action != "archive" and (step.shard, step.hour) not in done
    ]
    return [*done.values(), *rest]


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


def _youngest(rules: RetentionRules) -> timedelta:
    """Return the age below which no policy lets words go."""
    days = [days for days in rules.policies.values() if days is not None]
    return timedelta(days=min(days, default=36500))


def _to_detach(rules: RetentionRules, k: int, hour: datetime, parts: list[Part]) -> Step:
    held = together(parts)
    why = [reason for each in held for reason in _reasons(rules, each, hour)]
    moves = [
        replace(each, words=each.inline)
        for each in held
        if each.inline and _archive(rules, each) and not _reasons(rules, each, hour)
    ]
    if moves:
        to = [_archive(rules, each) for each in moves]
        return Step(k, hour, "archive", parts, moves, to=to)
    why += [
        f"run {each.run_id} lies in {home} as its policy says: its headers stay"
        for each in held
        if (home := _archive(rules, each))
    ]
    return Step(k, hour, "keep" if why else "detach", parts, held, why)


def _archive(rules: RetentionRules, held: Content) -> str:
    """Return the home to which words of a run move; empty where they are dropped."""
    run = rules.runs.get(held.run_id)
    return rules.archives.get(policy_of(run, rules.policies), "") if run else ""


def _to_drop(rules: RetentionRules, k: int, hour: datetime, parts: list[Part]) -> Step:
    held = together(parts)
    since = max(part.since or rules.now for part in parts)
    why = [reason for each in held for reason in _reasons(rules, each, hour)]
    if why:
        why.append("they lie aside: everyhit retention undo brings them back")
    if rules.now < since + rules.grace:
        why.append(f"they lie aside and can come back until {since + rules.grace:%Y-%m-%d %H:%M}")
    return Step(k, hour, "keep" if why else "drop", parts, held, why)


def _done(engine: Engine, rules: RetentionRules, step: Step) -> Step:
    here = engine.shards[step.shard].here
    try:
        if step.action == "archive":
            hour = int(step.hour.timestamp()) // 3600
            for held, address in zip(step.contents, step.to, strict=True):
                home = home_at(engine, address)
                move_words(engine, rules.runs[held.run_id], home, only=(step.shard, hour))
        elif step.action == "detach":
            for part in step.parts:
                detach(here, part, rules.now)
        elif step.action == "drop":
            for part in step.parts:
                drop(here, part)
    except StoreError as fault:
        return Step(step.shard, step.hour, "keep", step.parts, step.contents, [str(fault)])
    return step


def _reasons(rules: RetentionRules, held: Content, hour: datetime) -> list[str]:
    """Return why what an hour holds of a run must stay; empty if it may go."""
    run = rules.runs.get(held.run_id)
    if run is None:
        return [f"run {held.run_id} is not in the catalogue"]
    named, days = f"run {run.run_id} ({run.name})", days_of(run, rules.policies)
    if days is None:
        return [f"{named} is kept for ever"]
    if rules.now < (until := hour + HOUR + timedelta(days=days)):
        return [f"{named} is kept for {days} days, until {until:%Y-%m-%d %H:%M}"]
    pins = [pin for pin in rules.pins if pin.run_id == run.run_id]
    for pin in pins:
        if pin.a < held.b and held.a < pin.b:
            note = f": {pin.note}" if pin.note else ""
            return [f"{named} is pinned from {pin.a} to {pin.b} ticks{note}"]
    return _not_passed(rules, run, held, named)


def _not_passed(rules: RetentionRules, run: Run, held: Content, named: str) -> list[str]:
    try:
        behind = rules.windows_behind(run, held.a, held.b)
    except StoreError:
        raise
    except EveryhitError as fault:
        return [f"{named}: {fault}"]
    return [
        f"{named}: trigger {name} has not passed {n} windows: everyhit reprocess --run {run.run_id}"
        f" --trigger {name}"
        for name, n in behind.items()
    ]

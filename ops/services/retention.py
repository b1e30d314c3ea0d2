"""What is dropped in this installation: by the store's policies, and as far as our triggers are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from db.catalogue.runs import Run
from db.engine import Engine
from db.errors import StoreError, UsageError
from db.retention.homes import HomeStep, plan_homes, sweep_homes
from db.retention.results import ResultStep, apply_results, plan_results, sweep_results
from db.retention.steps import RetentionRules, Step, apply, plan, read_rules
from db.time import parse_duration
from ops.settings import settings
from software_triggers.conductor.completeness import windows_behind

_log = structlog.get_logger()


def retention_rules(engine: Engine, now: datetime, grace: timedelta) -> RetentionRules:
    """Return what decides, with the triggers of the folders that the settings name."""
    folders = settings().triggers

    def behind(run: Run, a: int, b: int) -> dict[str, int]:
        return windows_behind(engine, run, a, b, folders)

    return read_rules(engine, now, grace, behind)


def grace_of_settings() -> timedelta:
    """Return the time for which dropped raw words can be brought back."""
    return timedelta(seconds=float(parse_duration(settings().grace)) * 1e-9)


def pause_of_settings() -> float:
    """Return the seconds between two looks at what is to be dropped; UsageError if less than 1."""
    text = settings().retention_every
    seconds = float(parse_duration(text)) * 1e-9
    if seconds < 1:
        raise UsageError(
            f"EVERYHIT_RETENTION_EVERY {text}: wait a second at least between two looks"
        )
    return seconds


@dataclass(frozen=True)
class Applied:
    """What became of words and results, or would."""

    words: Sequence[Step]
    results: Sequence[ResultStep]
    homes: Sequence[HomeStep]
    """Payloads in other homes that no header names."""
    swept: int = 0
    """Rows of attempts that did not count."""


def apply_retention(engine: Engine, grace: timedelta, *, dry_run: bool = False) -> Applied:
    """Drop what is old enough of words and results, and what nothing in the store points to.

    With ``dry_run`` nothing is done: it returns what would become of them, and what stays for its
    age, too.
    """
    now = datetime.now(UTC)
    rules = retention_rules(engine, now, grace)
    if dry_run:
        steps = plan(engine, rules, young=True)
        dropping = {part.aside for s in steps if s.action == "drop" for part in s.parts}
        homes = plan_homes(engine, now, dropping)
        return Applied(steps, plan_results(engine, now, young=True), homes)
    # Headers first: what they name is there as long as they are.
    steps = apply(engine, rules)
    homes = sweep_homes(engine, now)
    return Applied(steps, apply_results(engine, now), homes, sweep_results(engine, now))


def keep_applying(engine: Engine, every_s: float, wait: Callable[[float], bool]) -> None:
    """Apply at once, and every so many seconds until ``wait`` says that it is enough."""
    while True:
        try:
            apply_retention(engine, grace_of_settings())
        except StoreError as fault:
            _log.warning("retention waits for the store", said=str(fault))
        if wait(every_s):
            return

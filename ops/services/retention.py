"""What is dropped in this installation: by the store's policies, and as far as our triggers are."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import structlog

from db.catalogue.runs import Run
from db.engine import Engine
from db.errors import StoreError, UsageError
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


def apply_retention(
    engine: Engine, grace: timedelta, *, dry_run: bool = False
) -> tuple[Sequence[Step], Sequence[ResultStep], int]:
    """Drop raw words and results that are old enough, and rows of attempts that do not count.

    Returns what became of the first two, and how many rows were swept. With ``dry_run`` nothing is
    done: it returns what would become of words and results, those that stay for their age too.
    """
    now = datetime.now(UTC)
    rules = retention_rules(engine, now, grace)
    if dry_run:
        return plan(engine, rules, young=True), plan_results(engine, now, young=True), 0
    return apply(engine, rules), apply_results(engine, now), sweep_results(engine, now)


def keep_applying(engine: Engine, every_s: float, wait: Callable[[float], bool]) -> None:
    """Apply at once, and every so many seconds until ``wait`` says that it is enough."""
    while True:
        try:
            apply_retention(engine, grace_of_settings())
        except StoreError as fault:
            _log.warning("retention waits for the store", said=str(fault))
        if wait(every_s):
            return

"""Which results may go, which must stay and why, and the doing of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Literal

from db.catalogue.reprocessings import unsettled
from db.catalogue.runs import Run, list_runs
from db.engine import Engine
from db.retention.results import Kept, forget, keep_of, list_keeps, list_kept, windows_of


@dataclass(frozen=True)
class ResultStep:
    """What is to be done with the results of a lineage in a run, or why nothing is."""

    of: Kept
    action: Literal["delete", "keep"]
    windows: int
    why: str = ""
    """Why they are kept; empty where they go."""


def plan_results(engine: Engine, now: datetime) -> list[ResultStep]:
    """Return a step for each lineage whose time is over by a policy."""
    runs = {run.run_id: run for run in list_runs(engine)}
    busy = {one.run_id for one in unsettled(engine)}
    steps: list[ResultStep] = []
    for run_id, group in groupby(list_kept(engine), lambda kept: kept.run_id):
        if run_id in runs:
            steps += _of_run(engine, runs[run_id], list(group), now, busy=run_id in busy)
    return steps


def apply_results(engine: Engine, now: datetime) -> list[ResultStep]:
    """Do what a plan says, and return it."""
    steps = plan_results(engine, now)
    for step in steps:
        if step.action == "delete":
            forget(engine, step.of)
    return steps


def _of_run(
    engine: Engine, run: Run, all_of_it: Sequence[Kept], now: datetime, *, busy: bool
) -> Iterator[ResultStep]:
    newest: dict[str, Kept] = {}
    for kept in all_of_it:
        newest.setdefault(kept.name, kept)
    over = {kept.lineage: kept for kept in _over(engine, run, all_of_it, now)}
    why: dict[str, str] = {}
    for lineage, kept in over.items():
        new = newest[kept.name]
        if run.state == "open" or busy:
            why[lineage] = "its run is open, or reprocessed just now"
        elif new.lineage not in over and (n := windows_of(engine, kept, beyond=new)):
            why[lineage] = f"the newest lineage {new.lineage} lacks {n} windows that it has"
    # What is read stays as long as its reader: late data would ask for it again.
    stays = [kept for kept in all_of_it if kept.lineage not in over or kept.lineage in why]
    while stays:
        reader = stays.pop()
        for lineage in reader.inputs.values():
            if lineage in over and lineage not in why:
                why[lineage] = f"{reader.name} {reader.lineage} reads it"
                stays.append(over[lineage])
    for lineage, kept in over.items():
        action: Literal["delete", "keep"] = "keep" if lineage in why else "delete"
        yield ResultStep(kept, action, windows_of(engine, kept), why.get(lineage, ""))


def _over(engine: Engine, run: Run, all_of_it: Sequence[Kept], now: datetime) -> Iterator[Kept]:
    """Yield the lineages whose days have passed."""
    keeps = list_keeps(engine)
    newer: dict[str, datetime] = {}  # when the one came that took their place
    for kept in all_of_it:
        keep = keep_of(kept.name, keeps)
        since = [
            (newer.get(kept.name), keep.older_days),
            (run.stopped_at, keep.all_days),
        ]
        if any(at and days is not None and at + timedelta(days=days) <= now for at, days in since):
            yield kept
        newer[kept.name] = kept.first_used

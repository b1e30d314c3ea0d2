"""The conductor as a service: follows every run that has triggers, until it is told to stop."""

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog

from db.catalogue.runs import Run, runs_since
from db.engine import Engine
from db.errors import EveryhitError, StoreError
from db.results.lineage_runs import note_ran
from db.time import duration_ticks
from software_triggers.conductor.conductor import Job
from software_triggers.conductor.progress import Submit
from software_triggers.registry import triggers_of_run
from software_triggers.task.bind import bind

_log = structlog.get_logger()

LOOK_S = 1.0
"""Seconds between two looks at the catalogue."""
OLD = timedelta(days=7)
"""Runs that were closed so long ago are left to ``everyhit reprocess``."""


class Follower:
    """The jobs of all runs that need one.

    Whatever fails is begun anew from what the store says: a run whose job failed, or the whole
    follower in another process.
    """

    def __init__(
        self,
        engine: Engine,
        submit: Callable[[Mapping[str, Mapping[str, Any]]], Submit],
        *,
        latency: str,
        lost_after_s: float,
        folders: Iterable[Path] = (),
    ) -> None:
        self.jobs: dict[int, Job] = {}
        self.trouble = ""
        """What went wrong last; empty when all is well."""
        self._engine, self._submit_for = engine, submit
        self._latency, self._lost_after_s, self._folders = latency, lost_after_s, tuple(folders)
        self._submits: dict[int, Submit] = {}
        self._done: dict[int, int] = {}  # run and the revision at which it was finished
        self._looked = -LOOK_S

    def advance(self, now: float, *, most_cells: int = 500, most_pending: int = 8) -> None:
        """Look at the catalogue if it is time to, and advance every job; never raises."""
        try:
            if now - self._looked >= LOOK_S:
                self._looked = now
                self._look()
                self.trouble = ""
        except StoreError as fault:
            self._note(f"can't read the catalogue: {fault}")
            return
        for run_id, job in list(self.jobs.items()):
            try:
                job.advance(self._submits[run_id], now, most_cells, most_pending)
            except StoreError as fault:
                self._note(f"run {run_id}: {fault}")
                del self.jobs[run_id]  # half-way: the next look begins anew
                continue
            if job.finished:
                self._done[run_id] = job.run.revision
                del self.jobs[run_id]

    def _look(self) -> None:
        for run in runs_since(self._engine, datetime.now(UTC) - OLD):
            if run.run_id in self.jobs:
                if run.state == "closed":
                    self.jobs[run.run_id].close()
            elif self._wants(run):
                self._begin(run)

    def _wants(self, run: Run) -> bool:
        return bool(run.settings.get("triggers")) and self._done.get(run.run_id) != run.revision

    def _begin(self, run: Run) -> None:
        wanted = run.settings["triggers"]
        try:
            known = triggers_of_run(self._engine, run, self._folders)
            stages = bind(self._engine, run, known, wanted)
            note_ran(self._engine, [stage.lineage for stage in stages])  # as words come
        except StoreError:
            raise
        except EveryhitError as fault:  # the run's triggers are wrong: the others go on
            self._done[run.run_id] = run.revision
            self._note(f"run {run.run_id} is left alone: {fault}")
            return
        latency = duration_ticks(self._latency, run.detector.tick)
        job = Job(self._engine, run, stages, latency=latency, lost_after_s=self._lost_after_s)
        self.jobs[run.run_id], self._submits[run.run_id] = job, self._submit_for(wanted)

    def _note(self, trouble: str) -> None:
        if trouble != self.trouble:
            _log.warning("conductor", said=trouble)
        self.trouble = trouble


def follow(
    follower: Follower, until: Callable[[], bool], may: Callable[[], bool], pause_s: float = 0.05
) -> None:
    """Advance until told to stop; only while ``may`` says so, since one conductor is enough."""
    while not until():
        if may():
            follower.advance(time.monotonic())
            time.sleep(pause_s)
        else:
            follower.jobs.clear()
            time.sleep(0.5)

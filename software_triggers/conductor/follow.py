"""The conductor as a service: follows every run that has triggers, until it is told to stop."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog

from db.catalogue.runs import Run, runs_since
from db.engine import Engine
from db.errors import EveryhitError, StoreError
from db.results.lineage_runs import list_ran, note_ran
from db.results.rows import Lineage
from db.time import WHOLE, duration_ticks
from software_triggers.conductor.conductor import OFTEN_S, QUIET_S, Job, pause_after
from software_triggers.conductor.progress import Submit
from software_triggers.registry import triggers_of_run
from software_triggers.task.bind import bind

_log = structlog.get_logger()

LOOK_S = 1.0
"""Seconds between two looks at the catalogue."""
KEPT = 16
"""Jobs that are remembered when they are finished."""
OLD = timedelta(days=7)
"""Runs that were closed so long ago are left to ``everyhit reprocess``."""


class Follower:
    """The jobs of all runs that need one.

    Whatever fails is begun anew from what the store says: a run whose job failed, or the whole
    follower in another process. ``mine`` says which runs are followed.
    """

    def __init__(
        self,
        engine: Engine,
        submit: Callable[[Mapping[str, Mapping[str, Any]]], Submit],
        *,
        latency: str,
        lost_after_s: float,
        folders: Iterable[Path] = (),
        mine: Callable[[Run], bool] = lambda _: True,
    ) -> None:
        self.jobs: dict[int, Job] = {}
        self.trouble = ""
        """What went wrong last; empty when all is well."""
        self._engine, self._submit_for = engine, submit
        self._latency, self._lost_after_s, self._folders = latency, lost_after_s, tuple(folders)
        self._mine = mine
        self._submits: dict[int, Submit] = {}
        self._seen: dict[int, int] = {}  # run and the revision at which it was last seen
        self._done: dict[int, int] = {}  # run and the revision at which it was finished
        self._ended: dict[int, Job] = {}
        self._looked = -LOOK_S

    def job_of(self, run_id: int) -> Job | None:
        """Return the job of a run that is followed, or was finished of late."""
        return self.jobs.get(run_id) or self._ended.get(run_id)

    def look_at_once(self) -> None:
        """Look at the catalogue at the next advance: a run has begun or ended."""
        self._looked = -LOOK_S

    def has_finished(self, run: Run) -> bool:
        """Whether nothing is left to do on a closed run; never so if it isn't followed."""
        return self._done.get(run.run_id, -1) >= run.revision

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
                self._ended = dict([*self._ended.items(), (run_id, job)][-KEPT:])
                self._done[run_id] = self._seen[run_id]
                del self.jobs[run_id]

    def _look(self) -> None:
        for run in runs_since(self._engine, datetime.now(UTC) - OLD):
            if run.run_id in self.jobs:
                if run.state == "closed":
                    self._seen[run.run_id] = run.revision
                    self.jobs[run.run_id].close()
            elif self._wants(run):
                self._begin(run)

    def _wants(self, run: Run) -> bool:
        asked = bool(run.settings.get("triggers")) and self._done.get(run.run_id) != run.revision
        return asked and self._mine(run)

    def _begin(self, run: Run) -> None:
        wanted = run.settings["triggers"]
        try:
            known = triggers_of_run(self._engine, run, self._folders)
            stages = bind(self._engine, run, known, wanted)
            self._note_ran(run, [stage.lineage for stage in stages])
        except StoreError:
            raise
        except EveryhitError as fault:  # the run's triggers are wrong: the others go on
            self._done[run.run_id] = run.revision
            self._note(f"run {run.run_id} is left alone: {fault}")
            return
        latency = duration_ticks(self._latency, run.detector.tick)
        job = Job(self._engine, run, stages, latency=latency, lost_after_s=self._lost_after_s)
        self._seen[run.run_id] = run.revision
        self.jobs[run.run_id], self._submits[run.run_id] = job, self._submit_for(wanted)

    def _note_ran(self, run: Run, lineages: Sequence[Lineage]) -> None:
        """Enter once that lineages run as words come: begun again, they hide no newer ones."""
        ran = list_ran(self._engine, run.run_id)
        entered = {name for name, spans in ran.items() if WHOLE in [(s.a, s.b) for s in spans]}
        note_ran(self._engine, [each for each in lineages if each.lineage not in entered])

    def _note(self, trouble: str) -> None:
        if trouble != self.trouble:
            _log.warning("conductor", said=trouble)
        self.trouble = trouble


def follow(
    follower: Follower,
    until: Callable[[], bool],
    may: Callable[[], bool],
    news: threading.Event | None = None,
    quiet_s: float = QUIET_S,
) -> None:
    """Advance until told to stop; only while ``may`` says so, since one conductor is enough.

    ``news`` is set by whoever commits chunks or ends tasks: then the store is asked, and after
    ``quiet_s`` all the same. Without it the store is asked again and again.
    """
    while not until():
        if may():
            began = time.monotonic()
            if news:
                news.clear()
            follower.advance(began)
            if news:
                time.sleep(OFTEN_S)  # what comes at once is looked at at once
                news.wait(quiet_s)
            else:
                time.sleep(pause_after(time.monotonic() - began))
        else:
            follower.jobs.clear()
            time.sleep(0.5)

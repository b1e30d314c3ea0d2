"""Works on the reprocessing that people asked for, as it is written in the store.

Like a conductor it keeps nothing that it could not find again: it is safe to kill, and what it had
begun goes on where the ledger says that it stopped.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import structlog

from db.catalogue.reprocessings import Reprocessing, State, note_progress, unsettled
from db.catalogue.runs import Run, find_run
from db.engine import Engine
from db.errors import EveryhitError, StoreError, UsageError
from db.results.lineage_runs import note_ran
from db.words.totals import extent
from software_triggers.conductor.completeness import refuse_dropped
from software_triggers.conductor.conductor import LOST_AFTER_S, Job
from software_triggers.conductor.progress import Handle, Task
from software_triggers.registry import triggers_of_run
from software_triggers.task.bind import bind
from software_triggers.task.stage import Stage

_log = structlog.get_logger()

LOOK_S = 0.5
"""Seconds between two looks at what is asked for."""
NOTE_S = 1.0
"""Seconds between two notes of how far one is."""
MOST_CELLS, MOST_PENDING = 50, 8
"""Tasks are small, and few wait: live windows that come never wait long behind them."""


class TaskQueue(Protocol):
    """The way to the workers for the tasks of one reprocessing."""

    def __call__(self, task: Task) -> Handle:
        """Send a task."""

    def withdraw(self) -> None:
        """Take back the tasks with which no worker has begun; the others end by themselves."""


@dataclass
class _Work:
    asked: Reprocessing
    job: Job
    line: TaskQueue
    began: float
    span: tuple[int, int]
    """The range that is run for when it is done."""
    done_before: int = -1
    noted_at: float = 0.0


class Reprocessor:
    """What is asked for and not yet ended, ``most_at_once`` of it at a time, oldest first.

    ``open_line`` gives each a way to the workers. With ``only`` it works on that number alone, and
    raises StoreError when the store fails; else it tries again, for as long as it takes.
    """

    def __init__(
        self,
        engine: Engine,
        open_line: Callable[[Reprocessing], TaskQueue],
        *,
        folders: Iterable[Path] = (),
        lost_after_s: float = LOST_AFTER_S,
        most_at_once: int = 8,
        only: int | None = None,
    ) -> None:
        self.trouble = ""
        """What went wrong last; empty when all is well."""
        self._engine, self._open_line, self._folders = engine, open_line, tuple(folders)
        self._lost_after_s, self._most_at_once, self._only = lost_after_s, most_at_once, only
        self._works: dict[int, _Work] = {}
        self._looked = -LOOK_S

    @property
    def jobs(self) -> dict[int, Job]:
        """The jobs under way, by number."""
        return {number: work.job for number, work in list(self._works.items())}

    def forget(self) -> None:
        """Drop all work, for another to take up."""
        while self._works:
            self._works.popitem()[1].line.withdraw()

    def advance(self, now: float) -> None:
        """Look at what is asked for if it is time to, and advance what is under way."""
        try:
            if now - self._looked >= LOOK_S:
                self._looked = now
                self._look(now)
                self.trouble = ""
        except StoreError as fault:
            self._tell(fault)
            return
        for number, work in list(self._works.items()):
            try:
                self._advance(work, now)
            except StoreError as fault:
                del self._works[number]  # half-way: the next look begins anew
                work.line.withdraw()
                self._tell(fault)
            except Exception as fault:  # a defect of ours: the others go on
                del self._works[number]
                work.line.withdraw()
                _log.error("reprocessing failed", number=number, exc_info=fault)
                self._note(work.asked, "failed", f"{type(fault).__name__}: {fault}")

    def _look(self, now: float) -> None:
        asked = {
            one.number: one for one in unsettled(self._engine) if self._only in (None, one.number)
        }
        for number in self._works.keys() - asked.keys():
            self._works.pop(number).line.withdraw()  # another conductor has noted its end
        for number, one in asked.items():
            if one.cancelled:
                self._cancel(one)
            elif number not in self._works and len(self._works) < self._most_at_once:
                self._begin(one, now)

    def _begin(self, one: Reprocessing, now: float) -> None:
        try:
            run = find_run(self._engine, one.run_id)
            known = triggers_of_run(self._engine, run, self._folders, one.wanted)
            stages = bind(
                self._engine,
                run,
                known,
                one.wanted,
                lambda stages: refuse_dropped(self._engine, stages, self._span(run, stages, one)),
            )
            span = self._span(run, stages, one)
        except StoreError:
            raise
        except EveryhitError as fault:
            self._note(one, "failed", str(fault))
            return
        line = self._open_line(one)
        line.withdraw()  # what a conductor sent that has died: it is sent again
        job = Job(self._engine, run, stages, span, lost_after_s=self._lost_after_s)
        job.close()
        whole = (one.a, one.b) if run.state == "closed" else (one.a, span[1])
        self._works[one.number] = _Work(one, job, line, now, whole)

    def _span(self, run: Run, stages: Sequence[Stage], one: Reprocessing) -> tuple[int, int]:
        """Return the range asked for, as far as rows can lie in it; UsageError when none can."""
        first, last = extent(self._engine, run)
        margin = max(stage.horizon for stage in stages)
        # In a run under way, what lies behind the last hit is the live conductor's.
        a, b = max(one.a, first - margin), min(one.b, last + margin * (run.state == "closed"))
        if a >= b:
            second = float(run.detector.tick) * 1e-9
            raise UsageError(
                f"run {run.run_id} has hits from {first * second:.9g} s to {last * second:.9g} s,"
                " and none in the range asked for"
            )
        return a, b

    def _advance(self, work: _Work, now: float) -> None:
        work.job.advance(work.line, now, MOST_CELLS, MOST_PENDING)
        done, total = cells_of(work.job)
        if work.done_before < 0 and total:
            work.done_before, work.began = done, now
        ended = work.job.finished
        if not ended and now - work.noted_at < NOTE_S:
            return
        work.noted_at = now
        speed = (done - work.done_before) / max(now - work.began, 1e-3) if total else 0.0
        here = replace(work.asked, done=done, total=total, per_second=round(speed, 3))
        if ended:
            note_ran(self._engine, [stage.lineage for stage in work.job.stages], work.span)
            del self._works[here.number]
        if ended or here != work.asked or here.noted != "running":
            work.asked = self._note(here, "done" if ended else "running")

    def _cancel(self, one: Reprocessing) -> None:
        work = self._works.pop(one.number, None)
        line = work.line if work else self._open_line(one)
        line.withdraw()
        self._note(work.asked if work else one, "cancelled")

    def _note(self, one: Reprocessing, state: State, problem: str = "") -> Reprocessing:
        return note_progress(self._engine, replace(one, noted=state, problem=problem))

    def _tell(self, fault: StoreError) -> None:
        if self._only is not None:
            raise fault
        if str(fault) != self.trouble:
            _log.warning("reprocessing waits", said=str(fault))
        self.trouble = str(fault)


def cells_of(job: Job) -> tuple[int, int]:
    """Return the windows of a job that are done, and all that are known, of all its chains."""
    done = sum(chain.n_done for chain in job.chains)
    return done, done + sum(len(chain.due) for chain in job.chains) + job.backlog


def reprocess(
    reprocessor: Reprocessor,
    until: Callable[[], bool],
    may: Callable[[], bool] = lambda: True,
    pause_s: float = 0.1,
) -> None:
    """Advance until told to stop; only while ``may`` says so, since one conductor is enough."""
    try:
        while not until():
            if may():
                reprocessor.advance(time.monotonic())
            else:
                reprocessor.forget()
            time.sleep(pause_s)
    finally:
        reprocessor.forget()

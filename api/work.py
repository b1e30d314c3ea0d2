"""Reprocessing that was asked for over the API: in the background, one after the other."""

import itertools
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal

import structlog

from db.engine import Engine
from db.errors import EveryhitError, UsageError
from db.runs import Run
from software_triggers.conductor import Job
from software_triggers.threads import run_stages
from software_triggers.trigger import Trigger

_log = structlog.get_logger()

State = Literal["waiting", "running", "done", "failed", "cancelled"]
KEPT = 100


class _CancelledError(Exception):
    """The user wants no more of it."""


@dataclass
class Reprocess:
    """A range of a run that triggers run over. What is committed stays, whatever becomes of it."""

    number: int
    run: Run
    wanted: Mapping[str, Mapping[str, Any]]
    a: int
    b: int
    who: str
    state: State = "waiting"
    problem: str = ""
    job: Job | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def cells(self) -> tuple[int, int]:
        """Windows that are done, and all there are, of all triggers."""
        if self.job is None:
            return 0, 0
        stages = list(self.job.progress.values())
        done = sum(p.done_to - p.first for p in stages)
        return done, sum(self.job.stop_of(p) - p.first for p in stages)


class Work:
    """What is asked for, under way and done, newest last; forgotten when the process ends.

    Nothing is lost by that: what is up to date is not done again when it is asked for anew.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._numbers = itertools.count(1)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="reprocess")
        self.asked: dict[int, Reprocess] = {}

    def start(
        self,
        run: Run,
        triggers: Mapping[str, Trigger],
        wanted: Mapping[str, Mapping[str, Any]],
        span: tuple[int, int],
        who: str,
    ) -> Reprocess:
        """Queue the wanted triggers and all they depend on over times [a, b)."""
        one = Reprocess(next(self._numbers), run, wanted, *span, who)
        self.asked[one.number] = one
        for number in list(self.asked)[:-KEPT]:
            if self.asked[number].state not in ("waiting", "running"):
                del self.asked[number]
        self._thread.submit(self._do, one, triggers)
        return one

    def cancel(self, number: int) -> Reprocess:
        """Let a job end after the tasks that are under way; UsageError if there is no such job."""
        if number not in self.asked:
            there = ", ".join(map(str, list(self.asked)[-10:])) or "none"
            raise UsageError(f"there is no reprocessing {number}; known: {there}")
        one = self.asked[number]
        one.cancelled.set()
        if one.state == "waiting":
            one.state = "cancelled"
        return one

    def close(self) -> None:
        """Cancel all, and wait for what is under way."""
        for one in list(self.asked.values()):
            one.cancelled.set()
        self._thread.shutdown()

    def _do(self, one: Reprocess, triggers: Mapping[str, Trigger]) -> None:
        def progress(job: Job) -> None:
            one.job = job
            if one.cancelled.is_set():
                raise _CancelledError

        if one.cancelled.is_set():
            one.state = "cancelled"
            return
        one.state = "running"
        try:
            run_stages(
                self._engine,
                one.run,
                triggers,
                one.wanted,
                (one.a, one.b),
                n_threads=1,  # data taking goes first
                most_cells=50,
                progress=progress,
            )
            one.state = "done"
        except _CancelledError:
            one.state = "cancelled"
        except Exception as fault:
            one.state, one.problem = "failed", str(fault)
            if not isinstance(fault, EveryhitError):
                _log.error("reprocessing failed", number=one.number, exc_info=fault)

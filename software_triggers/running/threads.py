"""A conductor's tasks on threads of this process: for files, reprocessing, tests."""

import math
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from db.catalogue.runs import Run
from db.engine import Engine
from db.results.lineage_runs import note_ran
from software_triggers.conductor.completeness import refuse_dropped
from software_triggers.conductor.conductor import Job, conduct
from software_triggers.conductor.progress import Handle, Submit, Task
from software_triggers.task.bind import bind
from software_triggers.task.process import MOST_HITS, process
from software_triggers.task.stage import Stage
from software_triggers.trigger import Trigger


@dataclass(frozen=True)
class _Done:
    future: "Future[int]"

    def begun(self) -> bool:
        return self.future.running()

    def ready(self) -> bool:
        return self.future.done()

    def failed(self) -> bool:
        return self.future.exception() is not None


@contextmanager
def thread_submit(engine: Engine, n_threads: int, most_hits: int = MOST_HITS) -> Iterator[Submit]:
    """Yield what runs a conductor's tasks on ``n_threads`` threads."""
    with ThreadPoolExecutor(n_threads, thread_name_prefix="worker") as pool:

        def submit(task: Task) -> Handle:
            return _Done(
                pool.submit(
                    process,
                    engine,
                    task.stages,
                    task.first,
                    task.stop,
                    complete=task.complete,
                    most_hits=most_hits,
                )
            )

        yield submit


class ThreadQueue:
    """Does the tasks of one reprocessing on threads of its own; see ``reprocess.Line``.

    The first failure of the store is raised by the next call.
    """

    def __init__(self, engine: Engine, n_threads: int = 1) -> None:
        self._engine, self._n_threads = engine, n_threads
        self._pool: ThreadPoolExecutor | None = None
        self._submit = _raising(self._send)

    def __call__(self, task: Task) -> Handle:
        """Queue a task."""
        return self._submit(task)

    def withdraw(self) -> None:
        """Drop the tasks that wait, and wait for those under way."""
        if self._pool:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def _send(self, task: Task) -> Handle:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._n_threads, thread_name_prefix="reprocess")
        future = self._pool.submit(
            process, self._engine, task.stages, task.first, task.stop, complete=task.complete
        )
        return _Done(future)


def run_stages(
    engine: Engine,
    run: Run,
    triggers: Mapping[str, Trigger],
    wanted: Mapping[str, Mapping[str, Any]],
    span: tuple[int, int] | None = None,
    *,
    n_threads: int = 2,
    most_cells: int = 200,
    progress: Callable[[Job], None] = lambda _: None,
) -> tuple[Stage, ...]:
    """Bring the wanted triggers and all they depend on up to date, and return their stages.

    ``span`` limits it to times [a, b) in ticks; for an open run it is needed. What is up to date
    already is not done again, so that it can be stopped and resumed. Raises StoreError when the
    store fails, and UsageError where words that are needed were dropped.
    """
    stages = bind(
        engine, run, triggers, wanted, lambda stages: refuse_dropped(engine, stages, span)
    )
    job = Job(engine, run, stages, span, lost_after_s=math.inf)  # a thread can't be lost
    job.close()
    with thread_submit(engine, n_threads) as submit:

        def watch() -> bool:
            progress(job)
            return False

        conduct([job], _raising(submit), most_cells=most_cells, until=watch)
    note_ran(engine, [stage.lineage for stage in stages], span)
    return stages


def _raising(submit: Submit) -> Submit:
    """Let the first failure of the store end the work instead of being tried for ever."""
    failed: list[BaseException] = []

    def note(future: "Future[int]") -> None:
        if not future.cancelled() and (fault := future.exception()):
            failed.append(fault)

    def checked(task: Task) -> Handle:
        if failed:
            raise failed[0]
        handle = submit(task)
        assert isinstance(handle, _Done)
        handle.future.add_done_callback(note)
        return handle

    return checked

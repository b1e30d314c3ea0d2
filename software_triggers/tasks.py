"""The Celery application: the same tasks for threads in one process and for workers anywhere."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import structlog
from celery import Celery

from db.engine import Engine
from db.errors import EveryhitError, StoreError
from db.runs import Run, find_run
from db.shards import home_of
from software_triggers.conductor import Handle, Task
from software_triggers.process import process
from software_triggers.registry import triggers_of_run
from software_triggers.stage import Stage, bind
from software_triggers.trigger import Trigger

_log = structlog.get_logger()

LIVE, REPROCESS = "live", "reprocess"

app = Celery("everyhit")
app.conf.update(
    task_acks_late=True,  # a task counts as done when its ledger row stands, not when it is taken
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    task_default_queue=LIVE,
    result_expires=3600,
    task_serializer="json",
    broker_connection_retry_on_startup=True,
    worker_hijack_root_logger=False,
)


class Bench:
    """What a worker needs at hand: the engine, and the stages that it has met."""

    def __init__(self, engine: Engine, folders: Iterable[Path] = ()) -> None:
        self.engine = engine
        self._folders = tuple(folders)
        self._stages: dict[tuple[int, str], Stage] = {}

    def stage(self, run_id: int, name: str, lineage: str, wanted: Mapping[str, Any]) -> Stage:
        """Return the stage of a task; StoreError when this worker's trigger is another version."""
        if (run_id, lineage) not in self._stages:
            run = find_run(self.engine, run_id)
            for stage in bind(self.engine, run, self._triggers(run), wanted):
                self._stages[run_id, stage.lineage.lineage] = stage
        if (run_id, lineage) not in self._stages:
            raise StoreError(
                f"trigger {name} is not the same here as where the task came from"
                f" (lineage {lineage}): install the same version of its code on this worker"
            )
        return self._stages[run_id, lineage]

    def _triggers(self, run: Run) -> Mapping[str, Trigger]:
        return triggers_of_run(self.engine, run, self._folders)


_bench: Bench | None = None


def attach(bench: Bench) -> None:
    """Give this process's tasks what they work with."""
    global _bench
    _bench = bench


@app.task(name="everyhit.process", max_retries=None)  # type: ignore[untyped-decorator]
def process_cells(
    run_id: int, name: str, lineage: str, wanted: str, first: int, stop: int, complete: bool
) -> int:
    """Bring cells [first, stop) of a stage up to date; see ``process``."""
    assert _bench, "attach() comes first"
    try:
        stage = _bench.stage(run_id, name, lineage, json.loads(wanted))
        home = home_of(_bench.engine, first * stage.run.cell, stage.run.detector.slice)
        return process(home, stage, first, stop, complete=complete)
    except EveryhitError as fault:
        _log.error("task failed", run=run_id, trigger=name, first=first, stop=stop, said=str(fault))
        raise


def celery_submit(
    wanted: Mapping[str, Mapping[str, Any]], queue: str = LIVE
) -> Callable[[Task], Handle]:
    """Return what sends a conductor's tasks to the workers; ``wanted`` as given to ``bind``."""
    told = json.dumps(wanted)

    def submit(task: Task) -> Handle:
        stage = task.stage
        return process_cells.apply_async(  # type: ignore[no-any-return]
            (
                stage.run.run_id,
                stage.name,
                stage.lineage.lineage,
                told,
                task.first,
                task.stop,
                task.complete,
            ),
            queue=queue,
        )

    return submit

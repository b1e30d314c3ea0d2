"""The Celery application: the same tasks for threads in one process and for workers anywhere."""

import json
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from db.catalogue.reprocessings import Reprocessing
from db.catalogue.runs import find_run
from db.engine import Engine
from db.errors import EveryhitError, StoreError
from db.json_text import json_text
from db.words.shards import home_of
from software_triggers.conductor.progress import Handle, Task
from software_triggers.registry import triggers_of_run
from software_triggers.task.bind import bind
from software_triggers.task.process import process
from software_triggers.task.stage import Stage

_log = structlog.get_logger()

LIVE, REPROCESS = "live", "reprocess"

app = Celery("everyhit")
app.conf.update(
    task_track_started=True,
    task_acks_late=True,  # a task counts as done when its ledger row stands, not when it is taken
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    task_default_queue=LIVE,
    result_expires=3600,
    task_serializer="json",
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    # Longer than any task may take: what is older was lost with its worker.
    # Queues are asked in the order of their names: no task of ``reprocess`` is taken while one of
    # ``live`` waits.
    broker_transport_options={"visibility_timeout": 900, "queue_order_strategy": "sorted"},
    worker_hijack_root_logger=False,
)


class WorkerContext:
    """What a worker needs at hand: the engine, and the stages that it has met."""

    def __init__(self, engine: Engine, folders: Iterable[Path] = ()) -> None:
        self.engine = engine
        self._folders = tuple(folders)
        self._stages: dict[tuple[int, str], Stage] = {}

    def chain(
        self, run_id: int, lineages: Mapping[str, str], wanted: Mapping[str, Any]
    ) -> tuple[Stage, ...]:
        """Return the stages of a task, given names and lineages in working order.

        Raises StoreError when this worker's version of a trigger is another.
        """
        if any((run_id, lineage) not in self._stages for lineage in lineages.values()):
            run = find_run(self.engine, run_id)
            known = triggers_of_run(self.engine, run, self._folders, wanted)
            for stage in bind(self.engine, run, known, wanted):
                self._stages[run_id, stage.lineage.lineage] = stage
        for name, lineage in lineages.items():
            if (run_id, lineage) not in self._stages:
                raise StoreError(
                    f"trigger {name} is not the same here as where the task came from"
                    f" (lineage {lineage}): install the same version of its code on this worker"
                )
        return tuple(self._stages[run_id, lineage] for lineage in lineages.values())


# What a broker that is away, or comes back without what it knew, makes of a call.
BROKEN = (OperationalError, RedisError, ConnectionError)

_bench: WorkerContext | None = None


def attach(bench: WorkerContext) -> None:
    """Give this process's tasks what they work with."""
    global _bench
    _bench = bench


@app.task(name="everyhit.process", bind=True)  # type: ignore[untyped-decorator]
def process_cells(
    self: Any,
    run_id: int,
    lineages: dict[str, str],
    wanted: str,
    first: int,
    stop: int,
    complete: bool,
) -> int:
    """Bring cells [first, stop) of a chain up to date; see ``process``.

    What the broker delivers a third time has ended two workers: it is left to the conductor, who
    sends lost windows one by one and sets aside the one that does it.
    """
    assert _bench, "attach() comes first"
    names = ", ".join(lineages)
    if (self.request.delivery_info or {}).get("redelivered") and _deliveries(self.request.id) > 2:
        _log.error("task left alone", run=run_id, triggers=names, first=first, stop=stop)
        raise StoreError("delivered three times")
    try:
        stages = _bench.chain(run_id, lineages, json.loads(wanted))
        run = stages[0].run
        home = home_of(_bench.engine, first * run.cell, run.detector.slice)
        return process(home, stages, first, stop, complete=complete)
    except EveryhitError as fault:
        _log.error(
            "task failed", run=run_id, triggers=names, first=first, stop=stop, said=str(fault)
        )
        raise


def _deliveries(task_id: str) -> int:
    """Count a delivery of the task, and return how many there were."""
    redis = app.backend.client
    name = f"everyhit-deliveries-{task_id}"
    n = int(redis.incr(name))
    redis.expire(name, app.conf.result_expires)
    return n


@dataclass(frozen=True)
class _Sent:
    """A task on its way through the broker; None: the broker did not take it."""

    result: Any

    def begun(self) -> bool:
        try:
            return self.result is not None and self.result.state == "STARTED"
        except BROKEN:
            return False

    def ready(self) -> bool:
        try:
            return self.result is None or bool(self.result.ready())
        except BROKEN:
            return False

    def failed(self) -> bool:
        try:
            return self.result is None or bool(self.result.failed())
        except BROKEN:
            return True


def celery_submit(
    wanted: Mapping[str, Mapping[str, Any]], queue: str = LIVE, of: str = ""
) -> Callable[[Task], Handle]:
    """Return what sends a conductor's tasks to the workers; ``wanted`` as given to ``bind``.

    A task that the broker does not take has failed. The identity of a task begins with ``of`` and
    tells its run, last lineage, windows, and which sending it is: for whoever reads the log.
    """
    told = json_text(wanted)
    sendings: Counter[str] = Counter()
    started = secrets.token_hex(3)

    def submit(task: Task) -> Handle:
        run_id, last = task.stages[0].run.run_id, task.stages[-1]
        name = f"{of}{run_id}.{last.name}.{last.lineage.lineage}.{task.first}-{task.stop}"
        sendings[name] += 1
        try:
            sent = process_cells.apply_async(
                (
                    run_id,
                    {stage.name: stage.lineage.lineage for stage in task.stages},
                    told,
                    task.first,
                    task.stop,
                    task.complete,
                ),
                queue=queue,
                retry=False,
                task_id=f"{name}.{started}.{sendings[name]}",
            )
        except BROKEN as fault:
            _log.warning("the broker takes no task", said=str(fault))
            return _Sent(None)
        return _Sent(sent)

    return submit


class CeleryQueue:
    """Sends the tasks of one reprocessing to workers, at low priority; see ``reprocess.Line``."""

    def __init__(self, asked: Reprocessing) -> None:
        self._of = f"reprocess-{asked.number}."
        self._submit = celery_submit(asked.wanted, REPROCESS, self._of)

    def __call__(self, task: Task) -> Handle:
        """Send a task."""
        return self._submit(task)

    def withdraw(self) -> None:
        """Take its tasks out of the queue; one that a worker has taken ends by itself."""
        redis = app.backend.client
        try:
            for message in redis.lrange(REPROCESS, 0, -1):
                if json.loads(message)["headers"]["id"].startswith(self._of):
                    redis.lrem(REPROCESS, 1, message)
        except BROKEN as fault:
            _log.warning("the broker gives no task back", said=str(fault))

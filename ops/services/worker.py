"""Worker processes: each does one task at a time; one that dies or hangs is replaced."""

import os
import subprocess
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from celery import signals
from celery.platforms import SecurityWarning
from pydantic import TypeAdapter

from db.catalogue.heartbeat import BEAT_S, beat
from db.child_process import start_python
from db.errors import StoreError
from db.store import open_store
from db.words.homes.address import know_homes
from ops.services.broker import set_broker
from ops.services.news import announcing
from ops.settings import settings, trigger_limits
from software_triggers.isolation.limits import set_limits
from software_triggers.running.celery_tasks import WorkerContext, app, attach

_log = structlog.get_logger()
_OVERTIME = 75


@dataclass(frozen=True)
class WorkerSettings:
    """What a worker process works for."""

    store: str
    redis: str
    queues: tuple[str, ...]
    folders: tuple[Path, ...] = ()
    task_limit_s: float = 600.0
    """A task that takes longer has hung: its process is ended."""


_WORK = TypeAdapter(WorkerSettings)


def keep_workers(
    work: WorkerSettings,
    n: int,
    until: threading.Event,
    alive: Callable[[int], None] = lambda _: None,
) -> None:
    """Keep ``n`` worker processes running until told to stop; then let each finish its task.

    ``alive`` is told how many there are. Processes are started one a second at most, so that what
    makes them die does not keep the machine busy.
    """
    workers: list[subprocess.Popen[bytes]] = []
    while not until.is_set():
        for worker in [each for each in workers if each.poll() is not None]:
            _log.warning("worker ended", pid=worker.pid, exit_code=worker.returncode)
            workers.remove(worker)
        if len(workers) < n:
            workers.append(start_worker(work))
        alive(len(workers))
        until.wait(1.0 if len(workers) == n else 0.2)
    for worker in workers:
        worker.terminate()
    for worker in workers:
        try:
            worker.wait(30)
        except subprocess.TimeoutExpired:
            worker.kill()


def start_worker(work: WorkerSettings) -> "subprocess.Popen[bytes]":
    """Start one worker process."""
    process = start_python("from ops.services.worker import main; main()", stdin=subprocess.PIPE)
    assert process.stdin is not None
    with suppress(BrokenPipeError), process.stdin as told:  # it ended already: it is replaced
        told.write(_WORK.dump_json(work))
    return process


def main() -> None:
    """Be one worker process: what it works for comes on stdin."""
    set_limits(trigger_limits())
    know_homes(settings().homes)
    work = _WORK.validate_json(sys.stdin.read())
    announce = announcing(work.redis)
    signals.setup_logging.connect(lambda **_: None, weak=False)
    signals.task_postrun.connect(lambda **_: announce(), weak=False)
    # The worker never takes code from a message: being root adds nothing to fear here.
    warnings.simplefilter("ignore", SecurityWarning)
    while True:
        try:
            client = set_broker(work.redis)
            with open_store(work.store) as store:
                attach(WorkerContext(store.engine, work.folders))
                _Watch(client, work.task_limit_s).start()
                app.Worker(
                    pool="solo",
                    queues=list(work.queues),
                    hostname=f"{os.getpid()}@%h",
                    without_gossip=True,
                    without_mingle=True,
                    without_heartbeat=True,
                    quiet=True,
                ).start()
                return
        except StoreError as fault:
            _log.warning("worker waits", said=str(fault))
            time.sleep(2.0)


class _Watch(threading.Thread):
    """Tells that the worker is alive and what it does; ends it when a task takes too long."""

    def __init__(self, client: Any, limit_s: float) -> None:
        super().__init__(name="watch", daemon=True)
        self._client, self._limit_s = client, limit_s
        self._task, self._since = "", 0.0
        signals.task_prerun.connect(self._began, weak=False)
        signals.task_postrun.connect(self._ended, weak=False)

    def run(self) -> None:
        """Look once a second."""
        main = threading.main_thread().ident
        while True:
            took = time.monotonic() - self._since if self._task else 0.0
            beat(self._client, "worker", task=self._task, seconds=round(took, 1))
            if took > self._limit_s:
                frame = sys._current_frames().get(main or 0)
                where = "".join(traceback.format_stack(frame)[-3:]) if frame else ""
                _log.error("task hangs: the worker ends", task=self._task, where=where)
                os._exit(_OVERTIME)
            time.sleep(BEAT_S)

    def _began(self, task_id: str = "", **_: object) -> None:
        self._task, self._since = task_id, time.monotonic()

    def _ended(self, **_: object) -> None:
        self._task = ""

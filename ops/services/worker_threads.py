"""Celery's worker threads in this process."""

import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from celery import signals
from celery.platforms import SecurityWarning

from db.catalogue.heartbeat import beating
from db.engine import Engine
from ops.services.broker import set_broker
from software_triggers.running.celery_tasks import LIVE, REPROCESS, WorkerContext, app, attach


@contextmanager
def worker_threads(
    engine: Engine,
    n: int,
    redis: str,
    folders: Iterable[Path] = (),
    ended: Callable[[], None] = lambda: None,
) -> Iterator[None]:
    """Run ``n`` Celery worker threads on the Redis at that address while the context lasts.

    ``folders`` are those with triggers, beside the built-in ones. ``ended`` is called after each
    task, when what became of it can be asked.
    """

    def task_ended(**_: object) -> None:
        ended()

    set_broker(redis).close()
    app.conf.update(worker_hijack_root_logger=False, worker_redirect_stdouts=False)
    attach(WorkerContext(engine, folders))
    signals.setup_logging.connect(_leave_logging_alone)
    started = threading.Event()
    signals.worker_ready.connect(lambda **_: started.set(), weak=False)
    signals.task_postrun.connect(task_ended, weak=False)
    with warnings.catch_warnings():
        # The worker never takes code from a message: being root adds nothing to fear here.
        warnings.simplefilter("ignore", SecurityWarning)
        worker = app.Worker(
            pool="threads",
            concurrency=n,
            queues=[LIVE, REPROCESS],
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
            quiet=True,
        )
        thread = threading.Thread(target=worker.start, name="celery", daemon=True)
        thread.start()
        started.wait(30)
    try:
        with beating(redis, "worker", lambda: {"task": "", "seconds": 0.0}):
            yield
    finally:
        worker.stop()
        thread.join(30)
        signals.task_postrun.disconnect(task_ended)
        _forget_broker()


def _forget_broker() -> None:
    """Let go of connections to a Redis that is about to end: the next one has another socket."""
    app.pool.force_close_all()
    app.close()
    app.amqp._producer_pool = None
    app._backend_cache = None
    app._local.__dict__.pop("backend", None)


def _leave_logging_alone(**_: object) -> None:
    """Celery sets up logging unless somebody listens to this signal."""

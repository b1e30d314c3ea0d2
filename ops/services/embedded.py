"""Everything in one process: the engine, Redis, Celery's worker threads and the conductor."""

import threading
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from celery import signals
from celery.platforms import SecurityWarning

from db.engine import Engine
from db.errors import StoreError
from ops.services.private_redis import private_redis
from software_triggers.conductor.conductor import Job, conduct
from software_triggers.running.celery_tasks import (
    LIVE,
    REPROCESS,
    WorkerContext,
    app,
    attach,
    celery_submit,
)


@contextmanager
def worker_threads(engine: Engine, n: int, folders: Iterable[Path] = ()) -> Iterator[None]:
    """Run ``n`` Celery worker threads on a private Redis for as long as the context lasts.

    ``folders`` are those with triggers, beside the built-in ones.
    """
    with private_redis() as socket:
        address = f"redis+socket://{socket}"
        app.conf.update(
            broker_url=address,
            result_backend=address,
            worker_hijack_root_logger=False,
            worker_redirect_stdouts=False,
        )
        attach(WorkerContext(engine, folders))
        signals.setup_logging.connect(_leave_logging_alone)
        started = threading.Event()
        signals.worker_ready.connect(lambda **_: started.set(), weak=False)
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
            yield
        finally:
            worker.stop()
            thread.join(30)
            _forget_broker()


@contextmanager
def conductor_thread(
    jobs: Sequence[Job], wanted: Mapping[str, Mapping[str, Any]], queue: str = LIVE
) -> Iterator[threading.Thread]:
    """Conduct the jobs beside whatever the context does; at its end, stop.

    Raises StoreError when the conductor died on the way.
    """
    stop = threading.Event()
    died: list[BaseException] = []

    def work() -> None:
        try:
            conduct(jobs, celery_submit(wanted, queue), until=stop.is_set)
        except BaseException as fault:
            died.append(fault)
            raise

    thread = threading.Thread(target=work, name="conductor", daemon=True)
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        thread.join(60)
    if died:
        raise StoreError(f"the conductor died: {died[0]}; go on with everyhit reprocess") from died[
            0
        ]


def _forget_broker() -> None:
    """Let go of connections to a Redis that is about to end: the next one has another socket."""
    app.pool.force_close_all()
    app.close()
    app.amqp._producer_pool = None
    app._backend_cache = None
    app._local.__dict__.pop("backend", None)


def _leave_logging_alone(**_: object) -> None:
    """Celery sets up logging unless somebody listens to this signal."""

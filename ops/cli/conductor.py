import threading
from contextlib import ExitStack
from hashlib import blake2b
from typing import Annotated

import redis as redis_client
import typer
from redis.exceptions import RedisError

from db.catalogue.heartbeat import BEAT_S, alive, beat
from ops.cli import app
from ops.cli.opening import opened
from ops.cli.services import Health, Redis, of_servers
from ops.cli.show import Store
from ops.services.broker import Lock, set_broker, waiting
from ops.services.health import Reading, health
from ops.services.interrupt import interruptible
from ops.settings import settings
from software_triggers.conductor.follow import Follower, follow
from software_triggers.running.celery_tasks import LIVE, REPROCESS, CeleryQueue, celery_submit
from software_triggers.running.reprocess import Reprocessor, cells_of, reprocess


@app.command()
def conductor(
    lost_after: Annotated[
        float, typer.Option("--lost-after", min=1, help="Seconds after which a task is sent again.")
    ] = 120.0,
    health_port: Health = None,
    redis: Redis = None,
    store: Store = None,
) -> None:
    """Send the windows of all runs to the workers, until SIGTERM or Ctrl-C.

    Start as many as you like: one works, another takes over when it dies.
    """
    url = of_servers(store)
    client = set_broker(redis or settings().redis)
    with ExitStack() as stack:
        wish = stack.enter_context(interruptible())
        at = stack.enter_context(opened(url))
        follower = Follower(
            at.engine,
            celery_submit,
            latency=settings().latency,
            lost_after_s=lost_after,
            folders=settings().triggers,
        )
        reprocessor = Reprocessor(
            at.engine, CeleryQueue, folders=settings().triggers, lost_after_s=lost_after
        )
        lock = Lock(client, f"conductor-{blake2b(url.encode(), digest_size=6).hexdigest()}")
        stack.callback(lock.release)

        def readings() -> list[Reading]:
            jobs = list(follower.jobs.values())
            return [
                Reading("runs", "Runs under way.", len(jobs)),
                Reading("windows", "Windows that wait.", sum(job.backlog for job in jobs)),
                Reading(
                    "reprocess_windows",
                    "Windows of reprocessing that are not done.",
                    sum(left_of(reprocessor).values()),
                ),
                *queue_readings(client),
            ]

        if health_port is not None:
            stack.enter_context(
                health(health_port, readings, lambda: follower.trouble, "conductor")
            )
        holds = threading.Event()

        def hold() -> bool:
            held = lock.held()
            (holds.set if held else holds.clear)()
            return held

        # On a thread of its own: hours that are looked through again keep no live window waiting.
        again = threading.Thread(
            target=reprocess, args=(reprocessor, wish.is_set, holds.is_set), name="reprocessing"
        )
        beats = threading.Thread(
            target=_beats, args=(client, follower, reprocessor, wish), daemon=True
        )
        again.start()
        beats.start()
        try:
            follow(follower, wish.is_set, hold)
        finally:
            wish.set()
            again.join()
            beats.join()


def left_of(reprocessor: Reprocessor) -> dict[int, int]:
    """Return the windows that each reprocessing under way has yet to do, by its number."""
    cells = {number: cells_of(job) for number, job in reprocessor.jobs.items()}
    return {number: total - done for number, (done, total) in cells.items()}


def queue_readings(client: redis_client.Redis) -> list[Reading]:
    """Return the figures by which to scale workers; none while Redis is away."""
    try:
        tasks, n_workers = waiting(client), len(alive(client, "worker"))
    except (RedisError, OSError):
        return []
    return [
        Reading("tasks_live", "Tasks that wait for a worker.", tasks[LIVE]),
        Reading("tasks_reprocess", "Tasks that wait behind those.", tasks[REPROCESS]),
        Reading("workers", "Worker processes that live.", n_workers),
    ]


def _beats(
    client: redis_client.Redis, follower: Follower, reprocessor: Reprocessor, stop: threading.Event
) -> None:
    while not stop.wait(BEAT_S):
        runs = {
            str(run_id): {
                name: {
                    "windows": progress.backlog,
                    "inputs": list(progress.stage.inputs),
                    "reads_hits": progress.stage.reads_hits,
                    "done_to_s": round(
                        progress.done_to * job.run.cell * float(job.run.detector.tick) / 1e9, 3
                    ),
                }
                for name, progress in list(job.progress.items())
            }
            for run_id, job in list(follower.jobs.items())
        }
        trouble = follower.trouble or reprocessor.trouble
        left = {str(number): n for number, n in left_of(reprocessor).items()}
        beat(client, "conductor", runs=runs, reprocess=left, trouble=trouble)

"""The conductor and what it tells of itself, in a process of its own or beside a readout."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b

import redis
from redis.exceptions import RedisError

from db.catalogue.heartbeat import BEAT_S, alive, beat
from db.catalogue.runs import Run
from db.errors import StoreError
from db.store import Store
from ops.services.broker import Lock, waiting
from ops.services.health import Reading
from ops.settings import settings
from software_triggers.conductor.conductor import QUIET_S
from software_triggers.conductor.follow import Follower, follow
from software_triggers.running.celery_tasks import LIVE, REPROCESS, CeleryQueue, celery_submit
from software_triggers.running.reprocess import Reprocessor, cells_of, reprocess


@dataclass
class Conductor:
    """What follows the runs of a store, and what reprocesses; of several conductors one works."""

    client: redis.Redis
    follower: Follower
    reprocessor: Reprocessor
    lock: Lock
    news: threading.Event | None = None
    """Set when chunks were committed or a task has ended, where that is announced."""
    quiet_s: float = QUIET_S
    """Seconds without news after which the store is asked all the same."""
    holds: threading.Event = field(default_factory=threading.Event)
    """Set while this is the one that works."""

    def follow(self, until: Callable[[], bool]) -> None:
        """Send windows to the workers until told to stop."""
        follow(self.follower, until, self._hold, self.news, self.quiet_s)

    def readings(self) -> list[Reading]:
        """The figures of this moment."""
        jobs = list(self.follower.jobs.values())
        return [
            Reading("runs", "Runs under way.", len(jobs)),
            Reading("windows", "Windows that wait.", sum(job.backlog for job in jobs)),
            Reading(
                "reprocess_windows",
                "Windows of reprocessing that are not done.",
                sum(self._left().values()),
            ),
            *_queue_readings(self.client),
        ]

    def beats(self, stop: threading.Event) -> None:
        """Tell once a second what is under way, until ``stop``."""
        while not stop.wait(BEAT_S):
            beat(self.client, "conductor", **self._told())

    def _told(self) -> dict[str, object]:
        runs = {
            str(run_id): {
                stage.name: {
                    "windows": job.progress[stage.name].backlog,
                    "inputs": list(stage.inputs),
                    "reads_hits": stage.reads_hits,
                    "done_to_s": round(
                        job.done_to(stage.name) * float(job.run.detector.tick) / 1e9, 3
                    ),
                }
                for stage in job.stages
            }
            for run_id, job in list(self.follower.jobs.items())
        }
        trouble = self.follower.trouble or self.reprocessor.trouble
        left = {str(number): n for number, n in self._left().items()}
        return {"runs": runs, "reprocess": left, "trouble": trouble}

    def _left(self) -> dict[int, int]:
        """Return the windows that each reprocessing under way has yet to do, by its number."""
        cells = {number: cells_of(job) for number, job in self.reprocessor.jobs.items()}
        return {number: total - done for number, (done, total) in cells.items()}

    def _hold(self) -> bool:
        held = self.lock.held()
        (self.holds.set if held else self.holds.clear)()
        return held


@contextmanager
def conducting(
    at: Store,
    client: redis.Redis,
    *,
    lost_after_s: float,
    mine: Callable[[Run], bool] = lambda _: True,
    reprocesses: bool = True,
    news: threading.Event | None = None,
    quiet_s: float = QUIET_S,
) -> Iterator[Conductor]:
    """Yield a conductor that tells that it is alive; whoever has it lets it ``follow``.

    ``mine`` says which runs it follows. With ``reprocesses`` it works on what people asked to be
    done again, on a thread of its own: hours that are looked through again keep no live window
    waiting. ``news`` is set by whoever commits chunks or ends tasks; after ``quiet_s`` without any
    the store is asked all the same.
    """
    folders = settings().triggers
    follower = Follower(
        at.engine,
        celery_submit,
        latency=settings().latency,
        lost_after_s=lost_after_s,
        folders=folders,
        mine=mine,
    )
    reprocessor = Reprocessor(at.engine, CeleryQueue, folders=folders, lost_after_s=lost_after_s)
    lock = Lock(client, f"conductor-{blake2b(at.url.encode(), digest_size=6).hexdigest()}")
    conductor = Conductor(client, follower, reprocessor, lock, news, quiet_s)
    over = threading.Event()
    with ExitStack() as stack:
        stack.callback(lock.release)
        works = [partial(conductor.beats, over)]
        if reprocesses:
            works.append(partial(reprocess, reprocessor, over.is_set, conductor.holds.is_set))
        for work in works:
            thread = threading.Thread(target=work, name="conductor")
            thread.start()
            stack.callback(thread.join)
        stack.callback(over.set)
        yield conductor


@contextmanager
def following(conductor: Conductor) -> Iterator[Callable[[], None]]:
    """Let a conductor follow on a thread while the context lasts.

    Yields what raises StoreError if it has died; so does the context's end.
    """
    over, died = threading.Event(), list[BaseException]()

    def work() -> None:
        try:
            conductor.follow(over.is_set)
        except BaseException as fault:
            died.append(fault)
            raise

    def check() -> None:
        if died:
            raise StoreError(
                f"the conductor died: {died[0]}; go on with everyhit reprocess"
            ) from died[0]

    thread = threading.Thread(target=work, name="follow", daemon=True)
    thread.start()
    try:
        yield check
    finally:
        over.set()
        if conductor.news:
            conductor.news.set()
        thread.join(60)
    check()


def _queue_readings(client: redis.Redis) -> list[Reading]:
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

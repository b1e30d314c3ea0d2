"""All that a store needs beside a readout, in the process that has it open.

The same parts, each in processes of its own, are a cluster.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

import redis

from db.catalogue.heartbeat import beating
from db.catalogue.runs import Run, find_run
from db.engine import Engine
from db.store import Store, redacted
from ops.alarms.service import KIND, Alarms, looking, watch
from ops.services.broker import set_broker
from ops.services.conducting import conducting, following
from ops.services.feedback import feeding_back
from ops.services.private_redis import private_redis
from ops.services.publishing import publishing
from ops.services.retention import keep_applying, pause_of_settings
from ops.services.worker_threads import worker_threads
from ops.settings import settings
from software_triggers.conductor.conductor import LOST_AFTER_S, Job
from software_triggers.conductor.follow import Follower

ALARMS_S = 3.0
"""Seconds between two looks for alarms."""


@dataclass(frozen=True)
class OneProcess:
    """What is under way: whoever takes data tells it which runs begin and end."""

    at: Store
    redis: str
    """Address of the Redis over which its parts speak, and orders come."""
    follower: Follower
    news: threading.Event
    """To be set when chunks were committed."""
    runs: set[int]
    """Numbers of the runs that this process takes."""
    check: Callable[[], None]
    """Raises StoreError when the conductor has died."""

    def jobs(self) -> list[Job]:
        """What triggers work on now."""
        return list(self.follower.jobs.values())

    def begin(self, run: Run) -> None:
        """Let triggers run on a run of this process from now on."""
        self.runs.add(run.run_id)
        self.follower.look_at_once()
        self.news.set()

    def finish(self) -> None:
        """Wait until the last windows of this process's closed runs are done."""
        self.follower.look_at_once()
        self.news.set()
        for run_id in sorted(self.runs):
            run = find_run(self.at.engine, run_id)
            if run.state == "open" or not run.settings.get("triggers"):
                continue
            while not self.follower.has_finished(run):
                self.check()
                time.sleep(0.05)


@contextmanager
def one_process(at: Store) -> Iterator[OneProcess]:
    """Run workers, conductor, alarms and retention on a store, on a Redis of their own.

    A store on servers has others who follow its runs, watch it and drop what is old: here triggers
    run on the runs of this process alone.
    """
    engine, runs, news = at.engine, set[int](), threading.Event()
    every_s = pause_of_settings()
    with ExitStack() as stack:
        url = f"unix://{stack.enter_context(private_redis())}"
        mine = runs.__contains__
        look = stack.enter_context(feeding_back(engine, url, mine=lambda run: mine(run.run_id)))

        def ended() -> None:
            news.set()
            look()

        stack.enter_context(
            worker_threads(engine, settings().workers, url, settings().triggers, ended)
        )
        client = stack.enter_context(set_broker(url))
        conductor = stack.enter_context(
            conducting(
                at,
                client,
                lost_after_s=max(LOST_AFTER_S, 4 * settings().trigger_s),
                mine=lambda run: at.owned or run.run_id in runs,
                reprocesses=False,  # the API does that for the store of one process
                news=news,
            )
        )
        check = stack.enter_context(following(conductor))
        stack.enter_context(publishing(engine, url, mine=lambda run: at.owned or mine(run.run_id)))
        if at.owned:
            of, over = {"store": redacted(at.url)}, threading.Event()
            stack.enter_context(beating(url, KIND, lambda: of))
            for name, work in (
                ("alarms", partial(_watch, engine, client, over)),
                ("retention", partial(keep_applying, engine, every_s, over.wait)),
            ):
                thread = threading.Thread(target=work, name=name, daemon=True)
                thread.start()
                stack.callback(thread.join)
            stack.callback(over.set)
        yield OneProcess(at, url, conductor.follower, news, runs, check)


def _watch(engine: Engine, client: redis.Redis, over: threading.Event) -> None:
    watch(Alarms(engine), looking(engine, client), over.wait, ALARMS_S)

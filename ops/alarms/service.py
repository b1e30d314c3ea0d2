"""The loop that looks every few seconds and keeps what it finds in the store."""

import time
from collections.abc import Callable, Iterator
from functools import partial

import redis
import structlog
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from db.catalogue.alarms import Alarm, list_alarms, save_alarm
from db.catalogue.heartbeat import alive
from db.engine import Engine
from db.errors import StoreError
from ops.alarms.looks import Limits, Signs, look
from ops.alarms.watch import Watch
from ops.settings import settings
from readout.control.messages import reached

KIND = "alarms"
"""As what a watch tells through Redis that it is alive."""

_log = structlog.get_logger()


class Alarms(Collector):
    """The alarms that stand, in the store and as metrics.

    While the store is away nothing is lost: what changed is entered when it is back.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._watch = Watch(list_alarms(engine))
        self._unsaved: list[Alarm] = []

    @property
    def standing(self) -> list[Alarm]:
        """Alarms that stand, oldest first."""
        return sorted(self._watch.standing.values(), key=lambda alarm: alarm.since)

    def step(self, signs: Signs, now: float) -> list[Alarm]:
        """Take a look in, and return the alarms that changed by it."""
        changed = self._watch.look(signs, now)
        self._unsaved += changed
        for alarm in changed:
            _log.warning("alarm", name=alarm.name, state=alarm.state, said=alarm.message)
        try:
            while self._unsaved:
                save_alarm(self._engine, self._unsaved[0])
                del self._unsaved[0]
        except StoreError as fault:
            _log.warning("alarms wait for the store", n=len(self._unsaved), said=str(fault))
        return changed

    def trouble(self) -> str:
        """The messages of all alarms that stand; empty if none does."""
        return "; ".join(alarm.message for alarm in self.standing)

    def collect(self) -> Iterator[Metric]:
        """``everyhit_alarm{name,subject}``: 1 for each alarm that stands."""
        family = GaugeMetricFamily(
            "everyhit_alarm", "An alarm that stands.", labels=["name", "subject"]
        )
        for alarm in self.standing:
            family.add_metric([alarm.name, alarm.subject], 1)
        yield family


def who_watches(redis_url: str, store: str) -> list[str]:
    """Return the processes that look after a store, whose address has no password.

    Raises StoreError when Redis, where they tell that they are alive, does not answer.
    """
    with reached(redis_url) as client:
        return [each["name"] for each in alive(client, KIND) if each["store"] == store]


def looking(engine: Engine, client: redis.Redis) -> Callable[[], Signs]:
    """Return what looks at a store and its services, with the limits of the settings."""
    at = settings()
    limits = Limits(
        link_s=at.alarm_link_s,
        stage_s=at.alarm_stage_s,
        service_s=at.alarm_service_s,
        queue_s=at.alarm_queue_s,
        spool_s=at.alarm_spool_s,
        shard_s=at.alarm_shard_s,
        publication_s=at.alarm_publication_s,
        most_windows=at.alarm_windows,
    )
    return partial(look, engine, client, limits)


def watch(
    alarms: Alarms, look: Callable[[], Signs], wait: Callable[[float], bool], every_s: float
) -> None:
    """Look every few seconds until ``wait`` says that it is enough."""
    epoch = time.time() - time.monotonic()  # a clock that is set anew makes nothing late
    while True:
        began = time.monotonic()
        alarms.step(look(), epoch + began)
        if wait(max(0.0, every_s - (time.monotonic() - began))):
            return

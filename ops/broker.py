"""Redis, over which conductor and workers speak: its address, who is there, what waits."""

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import redis
from redis.exceptions import RedisError

from db.errors import StoreError
from software_triggers.tasks import LIVE, REPROCESS, app

BEAT_S = 1.0
ALIVE_S = 5
"""Seconds after which somebody of whom nothing is heard counts as dead."""


def set_broker(url: str) -> redis.Redis:
    """Let the Celery application use this Redis, and return a connection to it.

    Raises StoreError when nobody answers there.
    """
    app.conf.update(broker_url=url, result_backend=url)
    client = redis.Redis.from_url(
        url, socket_timeout=5, socket_connect_timeout=2, health_check_interval=10
    )
    try:
        client.ping()
    except (RedisError, OSError) as fault:
        raise StoreError(
            f"no Redis answers at {_shown(url)}: {fault}; start it, or set EVERYHIT_REDIS"
        ) from None
    return client


def _shown(url: str) -> str:
    head, at, rest = url.rpartition("@")
    return f"{head.partition('://')[0]}://…@{rest}" if at else url


def beat(client: redis.Redis, kind: str, **told: Any) -> None:
    """Tell that this process is alive, for ``ALIVE_S`` seconds; silent while Redis is away."""
    name = f"everyhit-{kind}-{socket.gethostname()}-{os.getpid()}"
    try:
        client.set(name, json.dumps({"at": time.time(), **told}), ex=ALIVE_S)
    except (RedisError, OSError):
        return  # whoever watches sees that nobody beats


@contextmanager
def beating(url: str, kind: str, told: Callable[[], dict[str, Any]]) -> Iterator[None]:
    """Beat once a second, from a thread, until the context ends; Redis may be away."""
    client = redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2)
    over = threading.Event()

    def beats() -> None:
        while not over.wait(BEAT_S):
            beat(client, kind, **told())

    thread = threading.Thread(target=beats, name="beat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        client.close()


def alive(client: redis.Redis, kind: str) -> list[dict[str, Any]]:
    """Return what each living process of a kind tells of itself."""
    names = sorted(client.scan_iter(f"everyhit-{kind}-*"))
    told = zip(names, client.mget(names), strict=True) if names else ()
    return [
        {"name": name.decode().removeprefix(f"everyhit-{kind}-"), **json.loads(text)}
        for name, text in told
        if text
    ]


def waiting(client: redis.Redis) -> dict[str, int]:
    """Return how many tasks wait in each queue."""
    return {queue: int(client.llen(queue)) for queue in (LIVE, REPROCESS)}


class Lock:
    """A lock in Redis that one process holds as long as it asks for it again and again.

    It rests when its holder is silent for ``ALIVE_S`` seconds. While Redis is away nobody holds it.
    """

    def __init__(self, client: redis.Redis, name: str) -> None:
        self._client = client
        self._lock = client.lock(f"everyhit-lock-{name}", timeout=ALIVE_S, blocking=False)
        self._renewed = 0.0

    def held(self) -> bool:
        """Take the lock or keep it, if that can be."""
        try:
            if not self._lock.local.token:
                if self._lock.acquire():
                    self._renewed = time.monotonic()
            elif time.monotonic() - self._renewed > ALIVE_S / 3:
                self._lock.reacquire()
                self._renewed = time.monotonic()
        except (RedisError, OSError):
            self._lock.local.token = None
        return bool(self._lock.local.token)

    def release(self) -> None:
        """Let another have it at once."""
        try:
            if self._lock.local.token:
                self._lock.release()
        except (RedisError, OSError):
            return  # it rests by itself

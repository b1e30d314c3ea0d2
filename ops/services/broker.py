"""Redis, over which conductor and workers speak: its address, what waits, who holds a lock."""

import time

import redis
from redis.exceptions import RedisError

from db.catalogue.heartbeat import ALIVE_S, redacted
from db.errors import StoreError
from software_triggers.running.celery_tasks import LIVE, REPROCESS, app


def set_broker(url: str) -> redis.Redis:
    """Let the Celery application use this Redis, and return a connection to it.

    ``url`` is ``redis://host:port/n``, or ``unix:///path`` of a socket. Raises StoreError when
    nobody answers there.
    """
    # Celery has a name of its own for a socket.
    address = url.replace("unix://", "redis+socket://", 1)
    app.conf.update(broker_url=address, result_backend=address)
    client = redis.Redis.from_url(
        url, socket_timeout=5, socket_connect_timeout=2, health_check_interval=10
    )
    try:
        client.ping()
    except (RedisError, OSError) as fault:
        raise StoreError(
            f"no Redis answers at {redacted(url)}: {fault}; start it, or set EVERYHIT_REDIS"
        ) from None
    return client


def waiting(client: redis.Redis) -> dict[str, int]:
    """Return how many tasks wait in each queue."""
    return {queue: int(client.llen(queue)) for queue in (LIVE, REPROCESS)}


class Lock:
    """A lock in Redis that one process holds as long as it asks for it again and again.

    It rests when its holder is silent for ``ALIVE_S`` seconds. While Redis is away nobody holds it.
    """

    def __init__(self, client: redis.Redis, name: str) -> None:
        self._client = client
        # It is taken on one thread and let go on another.
        self._lock = client.lock(
            f"everyhit-lock-{name}", timeout=ALIVE_S, blocking=False, thread_local=False
        )
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

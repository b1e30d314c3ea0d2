"""Who is there: processes that tell through Redis that they are alive, and what they do."""

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

from db.json_text import json_text

BEAT_S = 1.0
ALIVE_S = 5
"""Seconds after which somebody of whom nothing is heard counts as dead."""


def redacted(url: str) -> str:
    """Return the address of a Redis without its password."""
    head, at, rest = url.rpartition("@")
    return f"{head.partition('://')[0]}://…@{rest}" if at else url


def beat(client: redis.Redis, kind: str, **told: Any) -> None:
    """Tell that this process is alive, for ``ALIVE_S`` seconds; silent while Redis is away."""
    name = f"everyhit-{kind}-{socket.gethostname()}-{os.getpid()}"
    try:
        client.set(name, json_text({"at": time.time(), **told}), ex=ALIVE_S)
    except (RedisError, OSError):
        return  # whoever watches sees that nobody beats


@contextmanager
def beating(url: str, kind: str, told: Callable[[], dict[str, Any]]) -> Iterator[None]:
    """Beat at once and then once a second, from a thread, until the context ends.

    Redis may be away.
    """
    client = redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2)
    over = threading.Event()

    def beats() -> None:
        while not over.wait(BEAT_S):
            beat(client, kind, **told())

    thread = threading.Thread(target=beats, name="beat", daemon=True)
    beat(client, kind, **told())
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

"""News over Redis: chunks were committed, or a task has ended, so look at the store now.

They are a courtesy: the store is the truth, and who misses some asks it a moment later.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import redis
from redis.exceptions import RedisError

CHANNEL = "everyhit-news"
_AGAIN_S = 1.0


def announcing(url: str) -> Callable[[], None]:
    """Return what announces news on the Redis at that address; nothing happens while it is away."""
    client = redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)

    def announce() -> None:
        with suppress(RedisError, OSError):
            client.publish(CHANNEL, b"")

    return announce


@contextmanager
def hearing(url: str) -> Iterator[threading.Event]:
    """Yield an event that is set whenever there are news on the Redis at that address."""
    news, over = threading.Event(), threading.Event()
    thread = threading.Thread(target=_hear, args=(url, news, over), name="news", daemon=True)
    thread.start()
    try:
        yield news
    finally:
        over.set()
        thread.join()


def _hear(url: str, news: threading.Event, over: threading.Event) -> None:
    while not over.is_set():
        try:
            client = redis.Redis.from_url(url)
            with client.pubsub(ignore_subscribe_messages=True) as heard:  # type: ignore[no-untyped-call]
                heard.subscribe(CHANNEL)
                while not over.is_set():
                    if heard.get_message(timeout=_AGAIN_S):
                        news.set()
        except (RedisError, OSError):
            over.wait(_AGAIN_S)

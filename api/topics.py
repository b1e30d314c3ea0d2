"""What goes on, told to any number of listeners by one poller.

The store is asked once a period as long as anybody listens, whatever their number. A listener that
is slow gets the newest and not what it missed: it holds up nobody, and nothing piles up.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable
from typing import Any, Generic, TypeVar

import structlog

from db.errors import EveryhitError

_log = structlog.get_logger()
T = TypeVar("T")


class Topic(Generic[T]):
    """One thing to listen to. ``read`` returns what is new, or None when nothing is."""

    def __init__(
        self, read: Callable[[], Awaitable[T | None]], period_s: float, kept: int = 1
    ) -> None:
        self._read, self._period, self._kept = read, period_s, kept
        self._listeners: set[asyncio.Queue[T]] = set()
        self._poller: asyncio.Task[None] | None = None
        self._last: T | None = None
        self.reads = 0
        """How often the store was asked."""

    @property
    def listeners(self) -> int:
        """How many listen now."""
        return len(self._listeners)

    async def listen(self) -> AsyncGenerator[T]:
        """Yield what is told from now on; of states (``kept`` 1) the last one at once."""
        queue: asyncio.Queue[T] = asyncio.Queue(self._kept)
        if self._kept == 1 and self._last is not None:
            queue.put_nowait(self._last)
        self._listeners.add(queue)
        if self._poller is None:
            self._poller = asyncio.create_task(self._poll())
        try:
            while True:
                yield await queue.get()
        finally:
            self._listeners.discard(queue)
            if not self._listeners and self._poller is not None:
                self._poller.cancel()
                self._poller, self._last = None, None

    async def _poll(self) -> None:
        while True:
            try:
                self.reads += 1
                told = await self._read()
            except EveryhitError as fault:
                _log.warning("a topic can't be read, trying again", said=str(fault))
                told = None
            if told is not None and told != self._last:
                self._last = told
                for queue in self._listeners:
                    if queue.full():
                        queue.get_nowait()
                    queue.put_nowait(told)
            await asyncio.sleep(self._period)


class Topics:
    """The topics that are listened to, or were."""

    def __init__(self) -> None:
        self._topics: dict[Hashable, Topic[Any]] = {}

    def topic(self, key: Hashable, make: Callable[[], Topic[T]]) -> Topic[T]:
        """Return the topic of a key, the same for all who listen."""
        for idle in [k for k, topic in self._topics.items() if not topic.listeners and k != key]:
            del self._topics[idle]
        if key not in self._topics:
            self._topics[key] = make()
        return self._topics[key]

    @property
    def listeners(self) -> int:
        """How many listen to any of them."""
        return sum(topic.listeners for topic in self._topics.values())

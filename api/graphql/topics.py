"""What goes on, told to any number of listeners by one poller.

The store is asked once a period as long as anybody listens, whatever their number. Of a *state* a
listener gets the newest, and never misses more than what was between. Of a *stream* it gets all,
as long as it takes what it is told within ``PATIENCE_S``; one that is slower is waited for no more
until it has caught up: it misses the oldest that it has not taken, which are counted.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable
from typing import Any, Generic, TypeVar

import structlog

from db.errors import EveryhitError

_log = structlog.get_logger()
T = TypeVar("T")
PATIENCE_S = 1.0


class _Listener(Generic[T]):
    """What is told and not yet taken."""

    def __init__(self, kept: int) -> None:
        self.queue: asyncio.Queue[T] = asyncio.Queue(kept)
        self.missed = 0
        self.behind = False

    def tell(self, told: T) -> None:
        if self.queue.full():
            self.queue.get_nowait()
            self.missed += 1
            self.behind = True
        self.queue.put_nowait(told)


class Topic(Generic[T]):
    """One thing to listen to. ``read`` returns what is new, or None when nothing is.

    With ``kept`` above 1 it is a stream: ``read`` is called again at once when it returned
    something. ``hello`` makes of what was told last what a newcomer hears first.
    """

    def __init__(
        self,
        read: Callable[[], Awaitable[T | None]],
        period_s: float,
        kept: int = 1,
        hello: Callable[[T], T] = lambda last: last,
    ) -> None:
        self._read, self._period, self._kept, self._hello = read, period_s, kept, hello
        self._listeners: set[_Listener[T]] = set()
        self._poller: asyncio.Task[None] | None = None
        self._last: T | None = None
        self.ended = False
        """Whether it was listened to, and is not any more."""
        self.reads = 0
        """How often the store was asked."""

    @property
    def listeners(self) -> int:
        """How many listen now."""
        return len(self._listeners)

    async def listen(self) -> AsyncGenerator[tuple[T, int]]:
        """Yield what is told from now on, and how much this listener has missed so far."""
        listener = _Listener[T](self._kept)
        if self._last is not None:
            listener.tell(self._hello(self._last))
        self._listeners.add(listener)
        self.ended = False
        if self._poller is None:
            self._poller = asyncio.create_task(self._poll())
        try:
            while True:
                yield await listener.queue.get(), listener.missed
        finally:
            self._listeners.discard(listener)
            if not self._listeners and self._poller is not None:
                self._poller.cancel()
                self._poller, self._last, self.ended = None, None, True

    async def _poll(self) -> None:
        while True:
            try:
                self.reads += 1
                told = await self._read()
            except EveryhitError as fault:
                _log.warning("a topic can't be read, trying again", said=str(fault))
                told = None
            new = told is not None and told != self._last
            if told is not None and new:
                if self._kept > 1:
                    await self._room()
                self._last = told
                for listener in self._listeners:
                    listener.tell(told)
            await asyncio.sleep(0 if new and self._kept > 1 else self._period)

    async def _room(self) -> None:
        """Wait until all who keep up can be told something, but not for long."""
        for _ in range(round(PATIENCE_S / 0.01)):
            for listener in self._listeners:
                listener.behind = listener.behind and not listener.queue.empty()
            if not any(each.queue.full() and not each.behind for each in self._listeners):
                return
            await asyncio.sleep(0.01)


class Topics:
    """The topics that are listened to."""

    def __init__(self) -> None:
        self._topics: dict[Hashable, Topic[Any]] = {}

    def topic(self, key: Hashable, make: Callable[[], Topic[T]]) -> Topic[T]:
        """Return the topic of a key, the same for all who listen."""
        for ended in [k for k, topic in self._topics.items() if topic.ended]:
            del self._topics[ended]
        if key not in self._topics:
            self._topics[key] = make()
        return self._topics[key]

    @property
    def listeners(self) -> int:
        """How many listen to any of them."""
        return sum(topic.listeners for topic in self._topics.values())

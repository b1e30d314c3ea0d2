"""The client for notebooks and scripts: the asynchronous one in a thread."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from functools import wraps
from threading import Thread
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from everyhit.asynchronous import AsyncClient
from everyhit.request import RunName

P = ParamSpec("P")
T = TypeVar("T")


def _waited(
    ask: Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]],
) -> "Callable[Concatenate[Client, P], T]":
    """Make of a method of the asynchronous client one that waits for the answer."""

    @wraps(ask)
    def wait(self: "Client", /, *args: P.args, **named: P.kwargs) -> T:
        asked: Coroutine[Any, Any, T] = getattr(self._client, ask.__name__)(*args, **named)
        return self._wait(asked)

    return wait


class Client:
    """A running everyhit, asked from a notebook or a script.

    ``url`` is its address, ``token`` what ``everyhit token create`` showed; without it the
    environment variable EVERYHIT_TOKEN is taken. All methods raise ApiError with the server's line.
    Moments are ticks since the run's start, "12.5 s", or an ISO date; ranges are half-open.

    It is ``AsyncClient`` with a thread of its own: a notebook has an event loop of another's.
    """

    def __init__(self, url: str, token: str | None = None, timeout_s: float = 300.0) -> None:
        self._start(AsyncClient(url, token, timeout_s))

    def _start(self, client: AsyncClient) -> None:
        self._client = client
        self._loop = asyncio.new_event_loop()
        # A daemon: who forgets to close a client shall not wait for it at the end.
        self._thread = Thread(target=self._carry, name="everyhit client", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection."""
        if self._thread.is_alive():
            self._wait(self._client.close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    hits = _waited(AsyncClient.hits)
    candidates = _waited(AsyncClient.candidates)
    events = _waited(AsyncClient.events)
    query = _waited(AsyncClient.query)
    graphql = _waited(AsyncClient.graphql)
    latest = _waited(AsyncClient.latest)
    run = _waited(AsyncClient.run)
    runs = _waited(AsyncClient.runs)
    triggers = _waited(AsyncClient.triggers)
    histogram = _waited(AsyncClient.histogram)
    histogram2d = _waited(AsyncClient.histogram2d)
    event = _waited(AsyncClient.event)
    annotate = _waited(AsyncClient.annotate)
    post = _waited(AsyncClient.post)
    trigger = _waited(AsyncClient.trigger)

    def follow(
        self, run: RunName | None = None, trigger: str = "events", where: str = ""
    ) -> Iterator[dict[str, Any]]:
        """Yield events as they are committed: t, tEnd, tS, continued, triggers, nWords.

        ``missed`` counts messages, of up to 100 events each, for which this was too slow so far.
        """
        events = self._client.follow(run, trigger, where)

        async def next_event() -> dict[str, Any] | None:
            return await anext(events, None)

        try:
            while (event := self._wait(next_event())) is not None:
                yield event
        finally:
            if self._thread.is_alive():  # who closes the client ends what it follows, too
                self._wait(events.aclose())

    def _carry(self) -> None:
        self._loop.run_forever()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    def _wait(self, answer: Coroutine[Any, Any, T]) -> T:
        waiting: Future[T] = asyncio.run_coroutine_threadsafe(answer, self._loop)
        try:
            return waiting.result()
        except BaseException:
            waiting.cancel()
            raise

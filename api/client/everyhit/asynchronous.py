"""The client for asynchronous code; every request is made here."""

import asyncio
import json
import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Self, TypeVar

import httpx
import numpy as np
import polars as pl
import websockets
from numpy.typing import NDArray
from websockets.asyncio.client import connect

from everyhit import asks, event_asks, histogram_asks, listening, request, trigger_asks
from everyhit.errors import ApiError
from everyhit.event import Event
from everyhit.histogram import Histogram
from everyhit.known import KnownTrigger
from everyhit.request import Ask, Flow, Moment, Pause, RunName
from everyhit.run import Run
from everyhit.tables import Listed

if TYPE_CHECKING:
    from software_triggers.trigger import Trigger

T = TypeVar("T")


class AsyncClient:
    """A running everyhit, asked from asynchronous code; see ``Client``.

    ``url`` is its address, ``token`` what ``everyhit token create`` showed; without it the
    environment variable EVERYHIT_TOKEN is taken. All methods raise ApiError with the server's line.
    Moments are ticks since the run's start, "12.5 s", or an ISO date; ranges are half-open.
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        timeout_s: float = 300.0,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._url, self._token = url, token or os.environ.get("EVERYHIT_TOKEN")
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        self._http = httpx.AsyncClient(
            base_url=url, headers=headers, timeout=timeout_s, transport=transport
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of the connection."""
        await self._http.aclose()

    async def hits(
        self,
        run: RunName,
        start: Moment | None = None,
        stop: Moment | None = None,
        where: str = "",
        columns: Sequence[str] = (),
    ) -> pl.DataFrame:
        """Return the sound hits with t in [start, stop) that a selection keeps, in order of t.

        ``columns`` names those wanted of t, link, the declaration's columns, and ``raw``.
        """
        return await self._do(asks.export(run, "hits", start, stop, where, columns))

    async def candidates(
        self,
        run: RunName,
        trigger: str,
        start: Moment | None = None,
        stop: Moment | None = None,
        where: str = "",
        lineage: str | None = None,
    ) -> pl.DataFrame:
        """Return the rows that a trigger committed; of its lineages the newest, or one named."""
        return await self._do(
            asks.export(run, "candidates", start, stop, where, trigger=trigger, lineage=lineage)
        )

    async def events(
        self,
        run: RunName,
        start: Moment | None = None,
        stop: Moment | None = None,
        where: str = "",
        *,
        decode: bool = False,
    ) -> pl.DataFrame:
        """Return events; with ``decode`` a list column ``word_<column>`` for what words mean."""
        more = {"decode": "true"} if decode else {}
        return await self._do(asks.export(run, "events", start, stop, where, **more))

    async def query(
        self,
        sql: str,
        run: RunName | None = None,
        start: Moment | None = None,
        stop: Moment | None = None,
    ) -> pl.DataFrame:
        """Return what one SELECT gives over hits, words, rates, gaps and triggers by name."""
        return await self._do(asks.query(sql, run, start, stop))

    async def graphql(self, query: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the ``data`` of an answer in GraphQL."""
        return await self._do(request.graphql(query, variables))

    async def latest(self) -> Run:
        """Return the newest run."""
        return await self._do(asks.run(None))

    async def run(self, run: RunName) -> Run:
        """Return a run by its number or name."""
        return await self._do(asks.run(run))

    async def runs(self, where: str = "", first: int = 100) -> Listed[Run]:
        """Return the newest runs, of those that a selection over fields and tags keeps."""
        return await self._do(asks.runs(where, first))

    async def triggers(self) -> Listed[KnownTrigger]:
        """Return the triggers that the server knows."""
        return await self._do(asks.triggers())

    async def histogram(
        self,
        column: str,
        run: RunName | None = None,
        of: str = "hits",
        start: Moment | None = None,
        stop: Moment | None = None,
        where: str = "",
        bins: int = 100,
        low: float | None = None,
        high: float | None = None,
    ) -> Histogram:
        """Return counts of a column's values, made in the database.

        ``of`` is hits, or a trigger's name. Without ``run`` it is the newest; without ``low`` and
        ``high`` the bins go from the smallest value to the largest, and those of whole numbers, of
        which there may be less then, have as many values each.
        """
        return await self._do(
            histogram_asks.histogram(column, run, of, start, stop, where, bins, low, high)
        )

    async def histogram2d(
        self,
        x: str,
        y: str,
        run: RunName | None = None,
        of: str = "hits",
        start: Moment | None = None,
        stop: Moment | None = None,
        where: str = "",
        bins: tuple[int, int] = (60, 40),
        low: tuple[float | None, float | None] = (None, None),
        high: tuple[float | None, float | None] = (None, None),
    ) -> Histogram:
        """Return counts of pairs of values; ``bins``, ``low`` and ``high`` are for x, then y."""
        return await self._do(
            histogram_asks.histogram2d(x, y, run, of, start, stop, where, bins, low, high)
        )

    async def event(
        self,
        n: int = 0,
        run: RunName | None = None,
        *,
        at: Moment | None = None,
        trigger: str = "events",
        where: str = "",
    ) -> Event:
        """Return the n-th event of a run in time's order, from 0, or from the end with -1.

        With ``at`` they are counted from that time on; ``where`` selects among them. Without
        ``run`` it is of the newest.
        """
        return await self._through(event_asks.event(n, run, at, trigger, where))

    async def annotate(
        self,
        run: RunName,
        fields: Mapping[str, Any] | None = None,
        *,
        unset: Sequence[str] = (),
        tags: Sequence[str] = (),
        untag: Sequence[str] = (),
        note: str | None = None,
    ) -> dict[str, Any]:
        """Give a run fields, tags or a note, or take them away; return what it has then."""
        return await self._do(asks.annotate(run, fields or {}, unset, tags, untag, note))

    async def post(
        self, run: RunName, link: int, key: str, words: NDArray[np.uint64]
    ) -> dict[str, Any]:
        """Send words of a link; the same key again stores nothing more."""
        return await self._do(asks.post(run, link, key, words))

    async def trigger(
        self,
        /,
        trigger: "str | Trigger",
        run: RunName | None = None,
        start: Moment | None = None,
        stop: Moment | None = None,
        **params: Any,
    ) -> pl.DataFrame:
        """Run a trigger over a range, wait for it, and return what it found.

        It is known to the server by its name: built in, installed there as a plug-in, in a folder
        of its settings, or registered SQL. A decorated function must be there with the same source;
        what ``sql_trigger`` makes is registered there. ``params`` are its parameters.
        """
        return await self._through(trigger_asks.process(trigger, params, run, start, stop))

    async def follow(
        self, run: RunName | None = None, trigger: str = "events", where: str = ""
    ) -> AsyncGenerator[dict[str, Any], None]:
        """Yield events as they are committed: t, tEnd, tS, continued, triggers, nWords.

        ``missed`` counts messages, of up to 100 events each, for which this was too slow so far.
        """
        try:
            async with self._listen() as socket:
                await socket.send(listening.hello(self._token))
                async for text in socket:
                    message = json.loads(text)
                    if message["type"] == "connection_ack":
                        wanted = listening.subscribe(request.named(run), trigger, where)
                        await socket.send(wanted)
                    for event in listening.events_in(message):
                        yield event
        except (websockets.WebSocketException, OSError) as fault:
            raise ApiError(f"can't listen to {self._url}: {fault}") from None

    def _listen(self) -> AbstractAsyncContextManager[listening.Socket]:
        """Return the connection over which events come."""
        return connect(listening.address(self._url), subprotocols=[listening.PROTOCOL])

    async def _through(self, flow: Flow[T]) -> T:
        answer: Any = None
        while True:
            try:
                step = flow.send(answer)
            except StopIteration as done:
                return done.value  # type: ignore[no-any-return]
            if isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
            else:
                answer = await self._do(step)

    async def _do(self, ask: Ask[T]) -> T:
        try:
            answer = await self._http.request(**request.sent(ask))
        except httpx.HTTPError as fault:
            raise ApiError(f"can't reach {self._url}: {fault}") from None
        if told := request.fault_in(answer.status_code, answer.content):
            raise told
        return ask.read(answer.content)

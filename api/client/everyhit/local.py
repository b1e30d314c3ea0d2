"""A store that is asked without a server: the same requests, answered in this process."""

import asyncio
import atexit
from collections.abc import AsyncIterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    ExitStack,
    asynccontextmanager,
    closing,
    suppress,
)
from pathlib import Path
from typing import Any

import httpx
import polars as pl
from starlette.types import ASGIApp, Message

from api.http.app import create_app
from api.span import span_of
from api.state import AppState, ServerRules
from db.catalogue.runs import find_run
from db.engine import Engine
from db.engine.address import is_clickhouse
from db.engine.endpoint import find_endpoint
from db.errors import EveryhitError, StoreBusyError, StoreError
from db.results.failures import windows_set_aside
from db.store import open_store as opened
from db.store import store_folder
from db.words.totals import extent
from everyhit import asks, listening
from everyhit.asynchronous import AsyncClient
from everyhit.errors import ApiError
from everyhit.listening import Socket
from everyhit.request import Moment, RunName, named
from everyhit.sync import Client
from software_triggers.registry import triggers_of_run
from software_triggers.running.threads import run_stages
from software_triggers.trigger import Trigger

_URL = "http://localhost"
_PATIENCE_S = 600.0


def open_store(address: str | Path, *, triggers: Sequence[str | Path] = ()) -> Client:
    """Open a store, a folder or ``clickhouse://…``, and return a client of it.

    It has the methods of ``Client``, without a server: this process has the store until the client
    is closed. Where another process has it, that one is asked. A Python trigger may be handed to
    ``trigger`` as it is. ``triggers`` names folders with more of them.
    Raises ApiError where there is no such store, or it can't be opened.
    """
    url = str(address)
    try:
        if not (is_clickhouse(url) or (store_folder(url) / "engine").exists()):
            raise StoreError(
                f"there is no store in {store_folder(url)}: everyhit demo, up and ingest make one"
            )
        with ExitStack() as stack:
            store = stack.enter_context(opened(url))
            rules = ServerRules(folders=tuple(map(Path, triggers)), seconds=_PATIENCE_S)
            state = stack.enter_context(closing(AppState(store, rules)))
            return _LocalClient(state, stack.pop_all())
    except StoreBusyError as busy:
        door = find_endpoint(store_folder(url))
        if door is None:
            raise ApiError(str(busy), busy.code) from None
        return Client(door.url, door.secret)
    except EveryhitError as fault:
        raise ApiError(str(fault), fault.code) from None


class _LocalClient(Client):
    """A client that has its store open."""

    def __init__(self, state: AppState, resources: ExitStack) -> None:
        self._resources = resources
        self._start(_InProcess(state))
        atexit.register(self.close)  # who forgets to close it leaves no engine behind

    def close(self) -> None:
        """Let go of the store."""
        super().close()
        atexit.unregister(self.close)
        self._resources.close()


class _InProcess(AsyncClient):
    """Hands requests to the application, instead of sending them."""

    def __init__(self, state: AppState) -> None:
        self._state, self._app = state, create_app(state)
        transport = httpx.ASGITransport(self._app)
        super().__init__(_URL, state.local, _PATIENCE_S, transport=transport)

    async def trigger(
        self,
        /,
        trigger: str | Trigger,
        run: RunName | None = None,
        start: Moment | None = None,
        stop: Moment | None = None,
        **params: Any,
    ) -> pl.DataFrame:
        """Run a trigger over a range; a Python trigger need not be installed anywhere."""
        if isinstance(trigger, str) or trigger.compute is None:
            return await super().trigger(trigger, run, start, stop, **params)
        try:
            number, lineage = await self._state.ask_bulk(
                _run_here, self._state, trigger, named(run), start, stop, params
            )
        except EveryhitError as fault:
            raise ApiError(str(fault), fault.code) from None
        ask = asks.export(
            number, "candidates", start, stop, "", trigger=trigger.name, lineage=lineage
        )
        return await self._do(ask)

    def _listen(self) -> AbstractAsyncContextManager[Socket]:
        return _socket(self._app)


def _run_here(
    state: AppState,
    mine: Trigger,
    run: str | None,
    start: Moment | None,
    stop: Moment | None,
    params: dict[str, Any],
) -> tuple[int, str]:
    """Bring a trigger up to date over a range and return run and lineage; ApiError if it fails."""
    engine: Engine = state.engine
    found = find_run(engine, run)
    a, b = span_of(found, start, stop)
    if found.state == "open":  # what lies behind the last hit is not yet known
        b = min(b, extent(engine, found)[1])
    known = triggers_of_run(engine, found, state.rules.folders) | {mine.name: mine}
    stages = run_stages(engine, found, known, {mine.name: params}, (a, b))
    (lineage,) = (s.lineage.lineage for s in stages if s.lineage.name == mine.name)
    failed = windows_set_aside(engine, found.run_id, [s.lineage.lineage for s in stages])
    if not failed.is_empty():
        raise ApiError(f"{mine.name} failed on {len(failed)} windows: {failed['error'][0]}")
    return found.run_id, lineage


class _Socket:
    """A web socket whose other end is an application in this process."""

    def __init__(self) -> None:
        self.to_app = asyncio.Queue[Message]()
        self.from_app = asyncio.Queue[Message]()

    async def send(self, text: str) -> None:
        """Send a message."""
        await self.to_app.put({"type": "websocket.receive", "text": text})

    async def __aiter__(self) -> AsyncIterator[str]:
        while (message := await self.from_app.get())["type"] != "websocket.close":
            if message["type"] == "websocket.send":
                yield message["text"]
        raise OSError(message.get("reason") or "the store was closed")


@asynccontextmanager
async def _socket(app: ASGIApp) -> AsyncIterator[Socket]:
    """Connect to the application's subscriptions for as long as the context lasts."""
    socket = _Socket()
    await socket.to_app.put({"type": "websocket.connect"})
    scope = {
        "type": "websocket",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": "/graphql",
        "raw_path": b"/graphql",
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
        "subprotocols": [listening.PROTOCOL],
        "client": None,
        "server": ("localhost", 80),
    }
    serving = asyncio.create_task(_serve(app, scope, socket))
    try:
        yield socket
    finally:
        await socket.to_app.put({"type": "websocket.disconnect", "code": 1000})
        with suppress(asyncio.CancelledError):
            await serving


async def _serve(app: ASGIApp, scope: dict[str, Any], socket: _Socket) -> None:
    """Let the application serve a connection, and say when it is over."""
    try:
        await app(scope, socket.to_app.get, socket.from_app.put)
    finally:
        await socket.from_app.put({"type": "websocket.close"})

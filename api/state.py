"""What all requests share: the store, threads to ask it from, and the rules."""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Callable, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar
from weakref import WeakValueDictionary

from api.access.authenticator import Authenticator
from api.access.issuer import Issuer
from api.graphql.topics import Topics
from api.query_cache import QueryCache
from api.reprocess_queue import ReprocessQueue
from api.slots import Slots
from db.engine import Engine
from db.retention.steps import Step
from db.store import Store
from db.words.homes.reading import Driver, Loop, read_on
from readout.posted import PostIntake
from software_triggers.conductor.conductor import Job

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class ServerRules:
    """How the API is set up."""

    open_to_all: bool = False
    """Everybody is an admin; only for a machine of one's own."""
    issuer: Issuer | None = None
    """Whose tokens are taken, beside our own."""
    hosts: tuple[str, ...] = ("127.0.0.1", "localhost")
    """Names under which requests may address this server."""
    origins: tuple[str, ...] = ()
    """Origins of other sites whose pages may ask from a browser."""
    folders: tuple[Path, ...] = ()
    """Folders with triggers, beside the built-in ones."""
    detectors: tuple[Path, ...] = ()
    """Folders with declarations, beside the built-in ones."""
    redis: str = ""
    """Address of the Redis over which readouts are ordered; empty: there are no orders here."""
    plan_retention: Callable[[Engine], Sequence[Step]] | None = None
    """Says what would become of raw words now; None where the process can't tell."""
    cell: str = "100 ms"
    """Grid of the windows in runs opened here."""
    seconds: float = 30.0
    """Time that a query may take."""
    threads: int = 4
    """Statements under way at once."""
    uploads: int = 8
    """Posts of words under way at once; a client has half at most, and is asked to come again."""
    exports: int = 8
    """Exports under way at once, in the same way; each holds about 100 MB."""
    most_upload: int = 32 << 20
    """Bytes of words in a post."""
    answers_s: float = 0.0
    """Seconds for which the answer to a question is good for whoever asks the same."""
    mongodb_driver: Driver = "pymongo"
    """Which reads words from MongoDB."""


@dataclass
class AppState:
    """The open store and what is under way on it. Close it at the end."""

    store: Store
    rules: ServerRules = field(default_factory=ServerRules)
    local: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    """Secret that this machine's own command line shows."""
    jobs: Callable[[], Iterable[Job]] = tuple
    """Returns what this process's conductor works on."""

    def __post_init__(self) -> None:
        # Threads of our own that stay: each keeps a connection to the engine.
        self._pool = ThreadPoolExecutor(self.rules.threads, thread_name_prefix="api")
        # Whoever exports a run or lets SQL of his own run keeps nobody else waiting.
        self._bulk = ThreadPoolExecutor(self.rules.threads, thread_name_prefix="api-bulk")
        self.authenticator = Authenticator(
            self.engine,
            local=self.local,
            open_to_all=self.rules.open_to_all,
            issuer=self.rules.issuer,
        )
        self._work = ReprocessQueue(self.engine, self.rules.folders) if self.store.owned else None
        self.intake = PostIntake(self.engine, alone=self.store.owned, home=self.store.words)
        self.topics = Topics()
        self.answers = QueryCache(self.rules.answers_s)
        self.uploads = Slots(self.rules.uploads, "more words than the store can take", 1)
        self.exports = Slots(self.rules.exports, "too many exports are under way", 5)
        self._turns: WeakValueDictionary[Hashable, asyncio.Semaphore] = WeakValueDictionary()

    @property
    def engine(self) -> Engine:
        """The store's engine."""
        return self.store.engine

    @property
    def spool(self) -> Path:
        """Folder for files that are made to be sent, on the store's own disk."""
        folder = self.store.folder / "outgoing"
        folder.mkdir(0o700, exist_ok=True)
        return folder

    async def ask(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what a function returns that blocks on the store, called in one of our threads."""
        return await self._in(self._pool, partial(function, *args, **kwargs))

    async def ask_bulk(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The same for what may take long."""
        return await self._in(self._bulk, partial(function, *args, **kwargs))

    def turn(self, client: Hashable) -> asyncio.Semaphore:
        """Return what a client waits in while it has all threads but one: that is for others."""
        key = client, id(asyncio.get_running_loop())
        most = max(1, self.rules.threads - 1)
        return self._turns.setdefault(key, asyncio.Semaphore(most))

    async def each(self, pieces: Iterator[T]) -> AsyncGenerator[T]:
        """Yield what an iterator yields that blocks on the store, one piece at a time."""
        nothing = object()
        try:
            while (piece := await self.ask_bulk(next, pieces, nothing)) is not nothing:
                yield piece  # type: ignore[misc]
        finally:
            close = getattr(pieces, "close", None)
            if close is not None:
                await self.ask_bulk(close)

    async def _in(self, pool: ThreadPoolExecutor, call: Callable[[], T]) -> T:
        """Call in a thread, which sees the request that it works for.

        What it reads from MongoDB is waited for on this loop.
        """
        context, loop = copy_context(), asyncio.get_running_loop()
        context.run(read_on, Loop(loop, self.rules.mongodb_driver))
        return await loop.run_in_executor(pool, lambda: context.run(call))

    def close(self) -> None:
        """Wait for what is under way and let the threads go."""
        if self._work:
            self._work.close()
        self.intake.close()
        self._bulk.shutdown(cancel_futures=True)
        self._pool.shutdown(cancel_futures=True)

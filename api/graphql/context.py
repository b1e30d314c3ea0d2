"""What a resolver may use: shared state, who asks, and loaders that gather questions of a kind."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar

import polars as pl
import strawberry
from strawberry.dataloader import DataLoader
from strawberry.fastapi import BaseContext

from api.access.roles import AccessError, Who
from api.state import AppState
from db.catalogue.annotations import read_annotations
from db.engine import Engine
from db.errors import UsageError
from db.results.totals import result_totals
from db.words.totals import link_totals

P = ParamSpec("P")
T = TypeVar("T")
Rows = list[dict[str, Any]]


class Context(BaseContext):
    """Of one request."""

    def __init__(
        self, app_state: AppState, who: Who | None, authorization: str | None = None
    ) -> None:
        super().__init__()
        self.app_state, self._who = app_state, who
        self.authorization = authorization
        """What a web socket was opened with; who it is turns out a message later."""
        self.links = _loader(app_state, link_totals)
        """Rows of ``link_totals``, by number of a run."""
        self.results = _loader(app_state, result_totals)
        """Rows of ``result_totals``, by number of a run."""
        self.annotations = _loader_of(app_state, read_annotations)
        """What is said of a run, by its number."""

    @property
    def who(self) -> Who:
        """Who asks."""
        if self._who is None:
            raise AccessError("who asks? Send connection_init with a token", known=False)
        return self._who

    @who.setter
    def who(self, who: Who) -> None:
        self._who = who

    @property
    def engine(self) -> Engine:
        """The store's engine: hand it to a function that ``ask`` calls."""
        return self.app_state.engine

    @property
    def seconds(self) -> float:
        """Time that a statement of a user's making may take."""
        return self.app_state.rules.seconds

    async def still(self) -> None:
        """Raise AccessError unless whoever asked would get in now, too."""
        self.who = await self.app_state.ask(self.app_state.authenticator.who, self.authorization)

    async def ask(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what a function returns that blocks on the store.

        Raises UsageError when it takes longer than a request may.
        """
        try:
            async with asyncio.timeout(self.seconds):
                return await self.app_state.ask(function, *args, **kwargs)
        except TimeoutError:
            raise UsageError(
                f"this takes more than {self.seconds:g} s: ask for a shorter range"
            ) from None


Info = strawberry.Info[Context, None]


def _loader(
    app_state: AppState, read: Callable[[Engine, Sequence[int]], pl.DataFrame]
) -> DataLoader[int, Rows]:
    """Return what answers for many runs with one statement, in rows."""

    def by_run(engine: Engine, run_ids: Sequence[int]) -> Mapping[int, Rows]:
        rows: dict[int, Rows] = {run_id: [] for run_id in run_ids}
        for row in read(engine, run_ids).iter_rows(named=True):
            rows[row["run_id"]].append(row)
        return rows

    return _loader_of(app_state, by_run)


def _loader_of(
    app_state: AppState, read: Callable[[Engine, Sequence[int]], Mapping[int, T]]
) -> DataLoader[int, T]:
    async def load(run_ids: list[int]) -> list[T]:
        found = await app_state.ask(read, app_state.engine, run_ids)
        return [found[run_id] for run_id in run_ids]

    return DataLoader(load_fn=load)

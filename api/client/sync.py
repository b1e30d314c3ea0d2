import os
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
import polars as pl

from api.client import asks
from api.client.asks import Ask, Moment, RunName
from api.client.errors import ApiError

T = TypeVar("T")


class Client:
    """A running everyhit, asked from a notebook or a script.

    ``url`` is its address, ``token`` what ``everyhit token create`` showed; without it the
    environment variable EVERYHIT_TOKEN is taken. All methods raise ApiError with the server's line.
    """

    def __init__(self, url: str, token: str | None = None, timeout_s: float = 300.0) -> None:
        token = token or os.environ.get("EVERYHIT_TOKEN")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: object, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def hits(
        self,
        run: RunName,
        start: Moment | None = None,
        stop: Moment | None = None,
        where: str = "",
        columns: tuple[str, ...] = (),
    ) -> pl.DataFrame:
        """Return the sound hits with t in [start, stop) that a selection keeps, in order of t."""
        return self._do(asks.export(run, "hits", start, stop, where, columns))

    def graphql(self, query: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the ``data`` of an answer in GraphQL."""
        return self._do(asks.graphql(query, variables))

    def _do(self, ask: Ask[T]) -> T:
        try:
            answer = self._http.request(
                ask.method,
                ask.path,
                params=dict(ask.params),
                content=ask.content,
                headers=dict(ask.headers),
            )
        except httpx.HTTPError as fault:
            raise ApiError(f"can't reach {self._http.base_url}: {fault}") from None
        if told := asks.fault_in(answer.status_code, answer.content):
            raise told
        return ask.read(answer.content)

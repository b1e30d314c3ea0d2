"""Every request that a client can make, as a value: what is sent, and how the answer is read.

The synchronous and the asynchronous client differ only in who carries it.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import polars as pl
import pyarrow as pa

from api.client.errors import ApiError

T = TypeVar("T")
Moment = int | str
"""Ticks since the run's start, a time with its unit ("12.5 s"), or an ISO date with its zone."""
RunName = int | str
Read = Callable[[bytes], T]


@dataclass(frozen=True)
class Ask(Generic[T]):
    """A request, and what makes a value of the answer's body."""

    method: str
    path: str
    read: Read[T]
    params: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def export(
    run: RunName,
    what: str,
    start: Moment | None,
    stop: Moment | None,
    where: str,
    columns: tuple[str, ...] = (),
    **more: str | None,
) -> Ask[pl.DataFrame]:
    """Ask for a range of hits, candidates or events as a frame."""
    given = {
        "start": start,
        "stop": stop,
        "where": where or None,
        "columns": ",".join(columns) or None,
        **more,
    }
    params = {name: str(value) for name, value in given.items() if value is not None}
    return Ask("GET", f"/export/{_piece(run)}/{_piece(what)}", frame, params)


def graphql(query: str, variables: Mapping[str, Any] | None = None) -> Ask[dict[str, Any]]:
    """Ask in GraphQL; the value is the answer's ``data``."""
    body = json.dumps({"query": query, "variables": dict(variables or {})}).encode()
    return Ask(
        "POST", "/graphql", _data, content=body, headers={"Content-Type": "application/json"}
    )


def frame(body: bytes) -> pl.DataFrame:
    """Return what an Arrow stream holds."""
    return pl.DataFrame(pl.from_arrow(pa.ipc.open_stream(body).read_all()))


def fault_in(status: int, body: bytes) -> ApiError | None:
    """Return what the server complains of, None when all is well."""
    if status < 400:
        return None
    try:
        told = json.loads(body)
        return ApiError(told["message"], told["code"])
    except (ValueError, KeyError, TypeError):
        return ApiError(f"the server answers {status}: {body[:200].decode(errors='replace')}")


def _data(body: bytes) -> dict[str, Any]:
    answer = json.loads(body)
    for error in answer.get("errors") or ():
        raise ApiError(error["message"], error.get("extensions", {}).get("code", "graphql"))
    data: dict[str, Any] = answer["data"]
    return data


def _piece(text: object) -> str:
    return quote(str(text), safe="")

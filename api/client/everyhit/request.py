"""A request as a value: what is sent, and how the answer is read.

What takes several requests is a generator of them, which gets the answers sent in.
"""

import json
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from everyhit.errors import ApiError
from everyhit.run import Run

T = TypeVar("T")
Moment = int | str
"""Ticks since the run's start, a time with its unit ("12.5 s"), or an ISO date with its zone."""
RunName = int | str | Run


@dataclass(frozen=True)
class Ask(Generic[T]):
    """A request, and what makes a value of the answer's body."""

    method: str
    path: str
    read: Callable[[bytes], T]
    params: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Pause:
    """Wait so many seconds before the next request."""

    seconds: float


Flow = Generator[Ask[Any] | Pause, Any, T]
"""Several requests that come to one value."""


def graphql(text: str, variables: Mapping[str, Any] | None = None) -> Ask[dict[str, Any]]:
    """Ask in GraphQL; the value is the answer's ``data``."""
    body = json.dumps({"query": text, "variables": dict(variables or {})}).encode()
    return Ask("POST", "/graphql", _data, content=body, headers=JSON)


def read_as(ask: Ask[dict[str, Any]], make: Callable[[dict[str, Any]], T]) -> Ask[T]:
    """Return the request with another value made of its answer."""
    return Ask(
        ask.method, ask.path, lambda body: make(_data(body)), content=ask.content, headers=JSON
    )


def named(run: RunName | None) -> str | None:
    """Return how a request names a run; None for the newest."""
    return None if run is None else str(run)


def sent(ask: Ask[Any]) -> dict[str, Any]:
    """Return a request as httpx takes it."""
    return {
        "method": ask.method,
        "url": ask.path,
        "params": dict(ask.params),
        "content": ask.content,
        "headers": dict(ask.headers),
    }


def fault_in(status: int, body: bytes) -> ApiError | None:
    """Return what the server complains of, None when all is well."""
    if status < 400:
        return None
    try:
        told = json.loads(body)
        return ApiError(told["message"], told["code"])
    except (ValueError, KeyError, TypeError):
        return ApiError(f"the server answers {status}: {body[:200].decode(errors='replace')}")


JSON = {"Content-Type": "application/json"}


def _data(body: bytes) -> dict[str, Any]:
    answer = json.loads(body)
    for error in answer.get("errors") or ():
        raise ApiError(error["message"], error.get("extensions", {}).get("code", "graphql"))
    data: dict[str, Any] = answer["data"]
    return data

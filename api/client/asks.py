"""Every request that a client can make, as a value: what is sent, and how the answer is read.

What takes several requests is a generator of them, which gets the answers sent in.
"""

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import quote

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from api.client.errors import ApiError

if TYPE_CHECKING:
    from software_triggers.trigger import Trigger

T = TypeVar("T")
Moment = int | str
"""Ticks since the run's start, a time with its unit ("12.5 s"), or an ISO date with its zone."""
RunName = int | str


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


def export(
    run: RunName,
    what: str,
    start: Moment | None,
    stop: Moment | None,
    where: str,
    columns: Sequence[str] = (),
    **more: str | None,
) -> Ask[pl.DataFrame]:
    """Ask for a range of hits, candidates or events as a frame."""
    listed = ",".join(columns) or None
    given = {"start": start, "stop": stop, "where": where or None, "columns": listed, **more}
    params = {name: str(value) for name, value in given.items() if value is not None}
    return Ask("GET", f"/export/{_piece(run)}/{_piece(what)}", frame, params)


def query(
    sql: str, run: RunName | None, start: Moment | None, stop: Moment | None
) -> Ask[pl.DataFrame]:
    """Ask one SELECT."""
    told = {"sql": sql, "run": run, "start": start, "stop": stop}
    return Ask("POST", "/query", frame, content=json.dumps(told).encode(), headers=_JSON)


def graphql(text: str, variables: Mapping[str, Any] | None = None) -> Ask[dict[str, Any]]:
    """Ask in GraphQL; the value is the answer's ``data``."""
    body = json.dumps({"query": text, "variables": dict(variables or {})}).encode()
    return Ask("POST", "/graphql", _data, content=body, headers=_JSON)


def latest() -> Ask[dict[str, Any]]:
    """Ask for the newest run."""
    ask = graphql("{ run { number name state note startedAt words first last tickNs } }")
    return Ask(
        ask.method, ask.path, lambda body: _run(_data(body)), content=ask.content, headers=_JSON
    )


def runs(where: str, first: int) -> Ask[list[dict[str, Any]]]:
    """Ask for the newest runs of a selection."""
    ask = graphql(
        "query($w: String, $n: Int!) { runs(wanted: {where: $w}, first: $n) { edges { node {"
        " number name state note startedAt stoppedAt fields tags } } } }",
        {"w": where or None, "n": first},
    )
    return Ask(
        ask.method, ask.path, lambda body: _runs(_data(body)), content=ask.content, headers=_JSON
    )


def annotate(
    run: RunName,
    fields: Mapping[str, Any],
    unset: Sequence[str],
    tags: Sequence[str],
    untag: Sequence[str],
    note: str | None,
) -> Ask[dict[str, Any]]:
    """Change what is said of a run; the value has its fields, tags and note."""
    ask = graphql(
        "mutation($run: String!, $f: JSON, $u: [String!], $t: [String!], $g: [String!], $n: String)"
        " { annotateRun(run: $run, fields: $f, unset: $u, tags: $t, untag: $g, note: $n)"
        " { number fields tags note } }",
        {
            "run": str(run),
            "f": dict(fields),
            "u": list(unset),
            "t": list(tags),
            "g": list(untag),
            "n": note,
        },
    )
    return Ask(
        ask.method,
        ask.path,
        lambda body: dict(_data(body)["annotateRun"]),
        content=ask.content,
        headers=_JSON,
    )


def post(run: RunName, link: int, key: str, words: NDArray[np.uint64]) -> Ask[dict[str, Any]]:
    """Send words of a link, whole hits in order of arrival."""
    headers = {"Content-Type": "application/octet-stream", "Idempotency-Key": key}
    body = words.astype("<u8").tobytes()
    return Ask("POST", f"/ingest/{_piece(run)}/{link}", json.loads, content=body, headers=headers)


def known(trigger: "Trigger") -> Flow[str]:
    """See to it that the server knows a trigger as it is here, and return its name.

    SQL is registered there. Code never travels: a Python trigger must be installed on the server,
    with the same source. Raises ApiError where it is not.
    """
    if trigger.kind == "sql":
        answer = yield graphql(
            "mutation($s: String!) { registerTrigger(source: $s) { problems { message } } }",
            {"s": trigger.source},
        )
        for problem in answer["registerTrigger"]["problems"]:
            raise ApiError(f"trigger {trigger.name}: {problem['message']}", "trigger")
        return trigger.name
    there = yield graphql("{ triggers { name kind source enabled } }")
    for each in there["triggers"]:
        if (each["name"], each["kind"]) == (trigger.name, "PYTHON"):
            if each["source"] != trigger.source:
                raise ApiError(
                    f"the server has another {trigger.name} than you: install this one there, or"
                    " call it by its name",
                    "trigger",
                )
            return trigger.name
    raise ApiError(
        f"the server does not know the Python trigger {trigger.name}: install the package that has"
        " it there (entry point everyhit.triggers), or put its file into EVERYHIT_TRIGGERS",
        "trigger",
    )


def process(
    wanted: "str | Trigger",
    params: Mapping[str, Any],
    run: RunName | None,
    start: Moment | None,
    stop: Moment | None,
    pause_s: float = 0.3,
) -> Flow[pl.DataFrame]:
    """Run a trigger that the server knows over a range, wait for it, and read what it found.

    Raises ApiError when it fails, or is cancelled by somebody.
    """
    name = wanted if isinstance(wanted, str) else (yield from known(wanted))
    asked = yield graphql(
        "mutation($run: String, $name: String!, $params: JSON, $a: Moment, $b: Moment) {"
        " reprocess(run: $run, triggers: [{name: $name, params: $params}], start: $a, stop: $b)"
        " { number run } }",
        {
            "run": None if run is None else str(run),
            "name": name,
            "params": dict(params),
            "a": start,
            "b": stop,
        },
    )
    number, run_id = asked["reprocess"]["number"], asked["reprocess"]["run"]
    while True:
        data = yield graphql("{ reprocesses { number state problem } }")
        (one,) = (each for each in data["reprocesses"] if each["number"] == number)
        if one["state"] == "DONE":
            break
        if one["state"] in ("FAILED", "CANCELLED"):
            raise ApiError(f"{name} on run {run_id}: {one['state'].lower()} {one['problem']}")
        yield Pause(pause_s)
    found: pl.DataFrame = yield export(run_id, "candidates", start, stop, "", trigger=name)
    return found


def frame(body: bytes) -> pl.DataFrame:
    """Return what an Arrow stream holds."""
    return pl.DataFrame(pl.from_arrow(pa.ipc.open_stream(body).read_all()))


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


_JSON = {"Content-Type": "application/json"}


def _data(body: bytes) -> dict[str, Any]:
    answer = json.loads(body)
    for error in answer.get("errors") or ():
        raise ApiError(error["message"], error.get("extensions", {}).get("code", "graphql"))
    data: dict[str, Any] = answer["data"]
    return data


def _run(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run with its 64-bit numbers as numbers."""
    run: dict[str, Any] = data["run"]
    for name in ("words", "first", "last"):
        run[name] = None if run[name] is None else int(run[name])
    return run


def _runs(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [edge["node"] for edge in data["runs"]["edges"]]


def _piece(text: object) -> str:
    return quote(str(text), safe="")

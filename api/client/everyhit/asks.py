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
from numpy.typing import NDArray

from everyhit.errors import ApiError
from everyhit.event import Event
from everyhit.histogram import Axis, Histogram
from everyhit.known import KnownTrigger, known_of
from everyhit.run import FIELDS, WHOLE, Run, run_of
from everyhit.tables import Listed

if TYPE_CHECKING:
    from software_triggers.trigger import Trigger

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
    told = {"sql": sql, "run": named(run), "start": start, "stop": stop}
    return Ask("POST", "/query", frame, content=json.dumps(told).encode(), headers=_JSON)


def graphql(text: str, variables: Mapping[str, Any] | None = None) -> Ask[dict[str, Any]]:
    """Ask in GraphQL; the value is the answer's ``data``."""
    body = json.dumps({"query": text, "variables": dict(variables or {})}).encode()
    return Ask("POST", "/graphql", _data, content=body, headers=_JSON)


def run(which: RunName | None) -> Ask[Run]:
    """Ask for a run, None for the newest."""
    ask = graphql(f"query($r: String) {{ run(which: $r) {{ {WHOLE} }} }}", {"r": named(which)})
    return _read(ask, lambda data: run_of(data["run"]))


def runs(where: str, first: int) -> Ask[Listed[Run]]:
    """Ask for the newest runs of a selection."""
    ask = graphql(
        "query($w: String, $n: Int!) { runs(wanted: {where: $w}, first: $n)"
        f" {{ edges {{ node {{ {FIELDS} }} }} }} }}",
        {"w": where or None, "n": first},
    )
    return _read(ask, lambda data: Listed(run_of(edge["node"]) for edge in data["runs"]["edges"]))


def triggers() -> Ask[Listed[KnownTrigger]]:
    """Ask for all triggers that are known and not switched off."""
    ask = graphql("{ triggers { name kind reads reach params version about enabled } }")
    return _read(
        ask, lambda data: Listed(known_of(each) for each in data["triggers"] if each["enabled"])
    )


def histogram(
    column: str,
    run: RunName | None,
    of: str,
    start: Moment | None,
    stop: Moment | None,
    where: str,
    bins: int,
    low: float | None,
    high: float | None,
) -> Ask[Histogram]:
    """Ask for counts of a column's values."""
    ask = graphql(
        "query($r: String, $c: String!, $of: String!, $a: Moment, $b: Moment, $w: String!,"
        " $n: Int!, $l: Float, $h: Float) { run(which: $r) { number histogram(column: $c, of: $of,"
        " start: $a, stop: $b, where: $w, bins: $n, low: $l, high: $h)"
        " { low high counts below above partial } } }",
        {"r": named(run), "c": column, "of": of, "w": where, "n": bins, "l": low, "h": high}
        | _range(start, stop),
    )

    def read(data: Mapping[str, Any]) -> Histogram:
        told = data["run"]["histogram"]
        below, above = int(told["below"]), int(told["above"])
        counts = np.array(told["counts"], float)
        return Histogram(
            axes=(_axis(column, told["low"], told["high"], len(counts)),),
            content=counts,
            title=_title(column, of, where, data["run"]["number"]),
            below=below,
            above=above,
            outside=below + above,
            partial=told["partial"],
        )

    return _read(ask, read)


def histogram2d(
    x: str,
    y: str,
    run: RunName | None,
    of: str,
    start: Moment | None,
    stop: Moment | None,
    where: str,
    bins: tuple[int, int],
    low: tuple[float | None, float | None],
    high: tuple[float | None, float | None],
) -> Ask[Histogram]:
    """Ask for counts of pairs of two columns' values."""
    ask = graphql(
        "query($r: String, $x: String!, $y: String!, $of: String!, $a: Moment, $b: Moment,"
        " $w: String!, $xn: Int!, $yn: Int!, $xl: Float, $yl: Float, $xh: Float, $yh: Float)"
        " { run(which: $r) { number histogram2d(x: $x, y: $y, of: $of, start: $a, stop: $b,"
        " where: $w, xBins: $xn, yBins: $yn, xLow: $xl, yLow: $yl, xHigh: $xh, yHigh: $yh)"
        " { x { low high bins } y { low high bins } counts outside partial } } }",
        {"r": named(run), "x": x, "y": y, "of": of, "w": where}
        | {"xn": bins[0], "yn": bins[1], "xl": low[0], "yl": low[1], "xh": high[0], "yh": high[1]}
        | _range(start, stop),
    )

    def read(data: Mapping[str, Any]) -> Histogram:
        told = data["run"]["histogram2d"]
        axes = [
            _axis(name, told[key]["low"], told[key]["high"], told[key]["bins"])
            for name, key in ((x, "x"), (y, "y"))
        ]
        return Histogram(
            axes=tuple(axes),
            content=np.array(told["counts"], float).reshape(len(axes[1]), len(axes[0])).T,
            title=_title(f"{y} against {x}", of, where, data["run"]["number"]),
            outside=int(told["outside"]),
            partial=told["partial"],
        )

    return _read(ask, read)


def event(n: int, run: RunName | None, at: Moment | None, trigger: str, where: str) -> Flow[Event]:
    """Find an event, the n-th of a selection or the first at or after a time, and read it.

    Raises ApiError where there is no such event.
    """
    which = named(run)
    t = yield from _begin(n, which, at, trigger, where)
    told = yield graphql(
        "query($r: String, $t: Ticks!, $b: String!) { run(which: $r) { number tickNs"
        " event(t: $t, trigger: $b) { event { t tEnd tS continued triggers }"
        " found { trigger lineage } shape { element positionMm } } } }",
        {"r": which, "t": str(t), "b": trigger},
    )
    run_told, shown = told["run"], told["run"]["event"]
    number: int = run_told["number"]
    rows: pl.DataFrame = yield export(
        number, "events", t, t + 1, "", trigger=trigger, decode="true"
    )
    found: dict[str, pl.DataFrame] = {}
    ends = int(shown["event"]["t"]), int(shown["event"]["tEnd"])
    for each in shown["found"]:
        within = yield export(
            number, "candidates", *ends, "", trigger=each["trigger"], lineage=each["lineage"]
        )
        if len(within):
            found[each["trigger"]] = within
    shape = shown["shape"] or {"element": (), "positionMm": ()}
    return Event(
        run=number,
        t=t,
        t_end=ends[1],
        t_s=shown["event"]["tS"],
        triggers=tuple(shown["event"]["triggers"]),
        continued=shown["event"]["continued"],
        hits=_words_of(rows, t, run_told["tickNs"]),
        found=found,
        element=tuple(shape["element"]),
        position=tuple(shape["positionMm"]),
    )


def _begin(n: int, run: str | None, at: Moment | None, trigger: str, where: str) -> Flow[int]:
    """Return the time at which an event begins; negative ``n`` count from the newest one."""
    total = 0
    if n < 0:
        counted = yield graphql(
            "query($r: String, $b: String!, $w: String!) { run(which: $r)"
            " { events(trigger: $b, where: $w, first: 1) { totalCount } } }",
            {"r": run, "b": trigger, "w": where},
        )
        total = counted["run"]["events"]["totalCount"]
    left, after = n + total, None
    while left >= 0:
        page = yield graphql(
            "query($r: String, $b: String!, $w: String!, $n: Int!, $c: String, $a: Moment) {"
            " run(which: $r) { events(trigger: $b, where: $w, first: $n, after: $c, start: $a)"
            " { edges { cursor node { t } } pageInfo { hasNextPage } } } }",
            {"r": run, "b": trigger, "w": where, "n": min(left + 1, _PAGE), "c": after, "a": at},
        )
        edges = page["run"]["events"]["edges"]
        if left < len(edges):
            return int(edges[left]["node"]["t"])
        if not page["run"]["events"]["pageInfo"]["hasNextPage"]:
            break
        left, after = left - len(edges), edges[-1]["cursor"]
    when = "" if at is None else f" at or after {at}"
    raise ApiError(f"there is no event {n} of {trigger}{when} in this run", "usage")


def _words_of(rows: pl.DataFrame, t: int, tick_ns: float) -> pl.DataFrame:
    """Return the words of one event, a row each."""
    listed = [name for name in rows.columns if name.startswith("word_")]
    words = rows.select(listed).explode(listed).rename(lambda name: name.removeprefix("word_"))
    since = (pl.col("t") - t).cast(pl.Float64) * tick_ns
    return words.select("t", since.alias("t_ns"), pl.exclude("t"))


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
            "run": named(run),
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
            "run": named(run),
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
    return pl.read_ipc_stream(body)


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
_PAGE = 1000
"""Events that a page may have."""


def _data(body: bytes) -> dict[str, Any]:
    answer = json.loads(body)
    for error in answer.get("errors") or ():
        raise ApiError(error["message"], error.get("extensions", {}).get("code", "graphql"))
    data: dict[str, Any] = answer["data"]
    return data


def _read(ask: Ask[dict[str, Any]], make: Callable[[dict[str, Any]], T]) -> Ask[T]:
    """Return the request with another value made of its answer."""
    return Ask(
        ask.method, ask.path, lambda body: make(_data(body)), content=ask.content, headers=_JSON
    )


def named(run: RunName | None) -> str | None:
    """Return how a request names a run; None for the newest."""
    return None if run is None else str(run)


def _range(start: Moment | None, stop: Moment | None) -> dict[str, Moment | None]:
    return {"a": start, "b": stop}


def _axis(name: str, low: float, high: float, bins: int) -> Axis:
    return Axis(name, tuple(np.linspace(low, high, bins + 1).tolist()))


def _title(what: str, of: str, where: str, run: int) -> str:
    return f"{what} of {of}{' where ' + where if where else ''}, run {run}"


def _piece(text: object) -> str:
    return quote(str(text), safe="")

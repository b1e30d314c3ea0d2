"""The requests for runs, words and rows, and for changes to them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import numpy as np
import polars as pl
from numpy.typing import NDArray

from everyhit.known import KnownTrigger, known_of
from everyhit.request import JSON, Ask, Moment, RunName, graphql, named, read_as
from everyhit.run import FIELDS, WHOLE, Run, run_of
from everyhit.tables import Listed


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
    return Ask("POST", "/query", frame, content=json.dumps(told).encode(), headers=JSON)


def run(which: RunName | None) -> Ask[Run]:
    """Ask for a run, None for the newest."""
    ask = graphql(f"query($r: String) {{ run(which: $r) {{ {WHOLE} }} }}", {"r": named(which)})
    return read_as(ask, lambda data: run_of(data["run"]))


def runs(where: str, first: int) -> Ask[Listed[Run]]:
    """Ask for the newest runs of a selection."""
    ask = graphql(
        "query($w: String, $n: Int!) { runs(wanted: {where: $w}, first: $n)"
        f" {{ edges {{ node {{ {FIELDS} }} }} }} }}",
        {"w": where or None, "n": first},
    )
    return read_as(ask, lambda data: Listed(run_of(edge["node"]) for edge in data["runs"]["edges"]))


def triggers() -> Ask[Listed[KnownTrigger]]:
    """Ask for all triggers that are known and not switched off."""
    ask = graphql("{ triggers { name kind reads reach params version about enabled } }")
    return read_as(
        ask, lambda data: Listed(known_of(each) for each in data["triggers"] if each["enabled"])
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
            "run": named(run),
            "f": dict(fields),
            "u": list(unset),
            "t": list(tags),
            "g": list(untag),
            "n": note,
        },
    )
    return read_as(ask, lambda data: dict(data["annotateRun"]))


def post(run: RunName, link: int, key: str, words: NDArray[np.uint64]) -> Ask[dict[str, Any]]:
    """Send words of a link, whole hits in order of arrival."""
    headers = {"Content-Type": "application/octet-stream", "Idempotency-Key": key}
    body = words.astype("<u8").tobytes()
    return Ask("POST", f"/ingest/{_piece(run)}/{link}", json.loads, content=body, headers=headers)


def frame(body: bytes) -> pl.DataFrame:
    """Return what an Arrow stream holds."""
    return pl.read_ipc_stream(body)


def _piece(text: object) -> str:
    return quote(str(text), safe="")

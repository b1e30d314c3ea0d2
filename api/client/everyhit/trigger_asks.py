"""The requests by which a server runs a trigger and tells what it found."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from everyhit.asks import export
from everyhit.errors import ApiError
from everyhit.request import Flow, Moment, Pause, RunName, graphql, named

if TYPE_CHECKING:
    from software_triggers.trigger import Trigger


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

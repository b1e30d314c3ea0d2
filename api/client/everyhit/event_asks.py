"""The requests by which an event is found and read."""

import polars as pl

from everyhit.asks import export
from everyhit.errors import ApiError
from everyhit.event import Event
from everyhit.request import Flow, Moment, RunName, graphql, named

_PAGE = 1000
"""Events that a page may have."""


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

"""Registering, trying out, reprocessing and cancelling triggers."""

import time

import polars as pl
import pytest

from api.client import ApiError
from api.work import Work
from db.results import list_lineages, read_committed
from software_triggers.registry import triggers_of_run

FAR = 2**40


@pytest.fixture
def run(changing_run):
    """These tests add results."""
    return changing_run


BUSY = """-- trigger: busy_{n}
-- about: crowded chambers
-- reach: 400 ns
-- params: least UInt16 = 3
SELECT t, chamber, n FROM (
  SELECT t, chamber, count() OVER (PARTITION BY chamber ORDER BY t
    RANGE BETWEEN CURRENT ROW AND 480 FOLLOWING) AS n
  FROM hits
) WHERE n >= {{least:UInt16}}
"""
TRY = """query($s: String!, $r: String, $n: Int!) { dryRun(source: $s, run: $r, first: $n) {
    count columns rows problems { message line column } } }"""
REGISTER = """mutation($s: String!, $r: String) { registerTrigger(source: $s, run: $r) {
    trigger { name enabled registered about params } problems { message line column } } }"""


def finish(client, number, until=("DONE", "FAILED", "CANCELLED")):
    for _ in range(300):
        (one,) = (
            each
            for each in client.graphql("{ reprocesses { number state problem done total } }")[
                "reprocesses"
            ]
            if each["number"] == number
        )
        if one["state"] in until:
            return one
        time.sleep(0.05)
    raise AssertionError(one)


def test_a_dry_run_shows_what_a_real_run_then_finds(client, engine, run):
    source = BUSY.format(n="dry")
    tried = client.graphql(TRY, {"s": source, "r": str(run.run_id), "n": 5})["dryRun"]
    assert tried["problems"] == []
    assert not [one for one in list_lineages(engine, run.run_id) if one.name == "busy_dry"]
    made = client.graphql(REGISTER, {"s": source, "r": str(run.run_id)})["registerTrigger"]
    assert made["trigger"] == {
        "name": "busy_dry",
        "enabled": True,
        "registered": True,
        "about": "crowded chambers",
        "params": {"least": 3},
    }
    found = client.trigger("busy_dry", run.run_id)
    assert tried["count"] == str(len(found))
    first = [
        {k: str(v) if k in ("t", "n") else v for k, v in row.items()}
        for row in found.head(5).to_dicts()
    ]
    assert tried["rows"] == first
    fewer = client.trigger("busy_dry", run.run_id, least=4)
    assert len(fewer) < len(found)
    assert (fewer["n"] >= 4).all()


@pytest.mark.parametrize(
    ("change", "line", "column", "said"),
    [
        (("PARTITION BY chamber", "PARTITION BY chambr"), 6, 55, "chambr"),
        (("FROM hits", "FROM hitz"), 8, 8, "hitz"),
        (("FROM hits", "FROM file('/etc/passwd')"), 8, 8, "table functions"),
        (("FROM hits", "FROM everyhit.tokens"), 8, 8, "tokens"),
        (("{least:", "{leest:"), 9, 13, "leest"),
        ((") WHERE", ")) WHERE"), 9, 2, "can't be parsed"),
        (("-- reach: 400 ns\n", ""), 1, 1, "reach"),
        (("SELECT t, chamber, n FROM (", "SELECT chamber, n FROM ("), 1, 1, "integer column t"),
    ],
)
def test_what_is_wrong_is_told_with_its_place_and_nothing_is_registered(
    client, run, change, line, column, said
):
    source = BUSY.format(n="wrong").replace(*change)
    for ask in (TRY, REGISTER):
        got = client.graphql(ask, {"s": source, "r": str(run.run_id), "n": 1})
        (problem,) = next(iter(got.values()))["problems"]
        assert said in problem["message"]
        assert problem["line"] == line
        assert abs(problem["column"] - column) <= 12, problem
    assert "busy_wrong" not in [
        t["name"] for t in client.graphql("{ triggers { name } }")["triggers"]
    ]


def test_a_trigger_that_is_switched_off_is_shown_and_does_not_run(client, engine, run):
    client.graphql(REGISTER, {"s": BUSY.format(n="off"), "r": str(run.run_id)})
    switch = """mutation($on: Boolean!) { enableTrigger(name: "busy_off", enabled: $on) {
        name enabled source } }"""
    assert client.graphql(switch, {"on": False})["enableTrigger"]["enabled"] is False
    assert "busy_off" not in triggers_of_run(engine, run)
    with pytest.raises(ApiError, match="there is no trigger 'busy_off'"):
        client.trigger("busy_off", run.run_id)
    listed = {
        t["name"]: t for t in client.graphql("{ triggers { name enabled kind } }")["triggers"]
    }
    assert listed["busy_off"]["enabled"] is False
    assert listed["segments"] == {"name": "segments", "enabled": True, "kind": "PYTHON"}
    assert client.graphql(switch, {"on": True})["enableTrigger"]["source"] == BUSY.format(n="off")
    assert "busy_off" in triggers_of_run(engine, run)


def test_reprocessing_a_range_leaves_the_rest_and_can_be_cancelled(client, engine, run, desk):
    ask = """mutation($r: String!) { reprocess(run: $r, start: "100 ms", stop: "200 ms",
        triggers: [{name: "segments", params: {max_chi2: 5}}]) { number state who } }"""
    begun = client.graphql(ask, {"r": str(run.run_id)})["reprocess"]
    assert begun["who"] == "a admin"
    ended = finish(client, begun["number"])
    assert ended["state"] == "DONE"
    assert ended["done"] == ended["total"] > 0
    newest = next(
        one for one in list_lineages(engine, run.run_id, "segments") if one.params["max_chi2"] == 5
    )
    rows = read_committed(engine, newest, run.cell, -FAR, FAR)
    assert len(rows)
    assert rows["t"].is_between(60_000_000, 240_000_000, closed="left").all()  # whole windows

    # One that waits behind another is cancelled before it begins.
    again = ask.replace("max_chi2: 5", "max_chi2: 7").replace('"200 ms"', '"600 ms"')
    first = client.graphql(again, {"r": str(run.run_id)})["reprocess"]["number"]
    second = client.graphql(again.replace("7}", "8}"), {"r": str(run.run_id)})["reprocess"][
        "number"
    ]
    cancel = "mutation($n: Int!) { cancelReprocess(number: $n) { state } }"
    client.graphql(cancel, {"n": second})
    assert finish(client, second)["state"] == "CANCELLED"
    assert finish(client, first)["state"] == "DONE"
    assert not [
        one for one in list_lineages(engine, run.run_id, "segments") if one.params["max_chi2"] == 8
    ]


def test_one_that_runs_stops_when_cancelled_and_goes_on_when_asked_again(engine, run):
    slow = pl.DataFrame({"t": pl.Series([], dtype=pl.Int64)})
    from software_triggers.trigger import trigger

    @trigger(reach="0 ns")
    def sleepy(hits: pl.DataFrame) -> pl.DataFrame:
        time.sleep(0.2)
        return hits.select("t") if len(hits) else slow

    work = Work(engine)
    one = work.start(run, {"sleepy": sleepy}, {"sleepy": {}}, (0, 30_000 * run.cell), "me")
    while one.state == "waiting" or one.cells[1] == 0:
        time.sleep(0.01)
    work.cancel(one.number)
    work.close()
    assert one.state == "cancelled"
    assert one.cells[0] < one.cells[1]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ('mutation { reprocess(triggers: [{name: "nope"}]) { number } }', "there is no trigger"),
        (
            'mutation { reprocess(triggers: [{name: "segments", params: {no: 1}}]) { number } }',
            "no parameter",
        ),
        (
            'mutation { reprocess(triggers: [{name: "segments", params: [1]}]) { number } }',
            "object",
        ),
        ("mutation { reprocess(triggers: []) { number } }", "name the triggers"),
        ("mutation { cancelReprocess(number: 999) { number } }", "no reprocessing 999"),
        ('{ trigger(name: "x\' OR 1") { name } }', "there is no trigger"),
    ],
)
def test_mistakes_are_one_line(client, run, query, said):
    with pytest.raises(ApiError, match=said):
        client.graphql(query)

"""Registering and trying out triggers."""

import pytest

from db.results.rows import list_lineages
from everyhit import ApiError
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
        (("FROM hits", "FROM file('/etc/passwd')"), 8, 8, "table function file"),
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


def test_a_trigger_that_is_not_there_is_one_line(client, run):
    with pytest.raises(ApiError, match="there is no trigger"):
        client.graphql('{ trigger(name: "x\' OR 1") { name } }')


PROFILE = """query($s: String!, $r: String) { dryRun(source: $s, run: $r, start: "0.1 s",
    stop: "0.5 s") { count profile(bins: 8) { start widthS counts rateHz hits lineage both more
    lacks secondsPerMillionHits } } }"""


def test_a_dry_run_is_set_beside_what_the_running_version_found(client, engine, run):
    def profiled(least):
        source = BUSY.format(n="beside").replace("= 3", f"= {least}")
        tried = client.graphql(PROFILE, {"s": source, "r": str(run.run_id)})["dryRun"]
        assert sum(tried["profile"]["counts"]) == int(tried["count"])
        return tried["profile"]

    def times(least):
        rows = client.trigger("busy_beside", run.run_id, "0.1 s", "0.5 s", least=least)
        return rows["t"].to_list()

    alone = profiled(4)
    assert alone["lineage"] is None
    assert len(alone["counts"]) == 8
    assert alone["start"] == str(round(0.1e9 / float(run.detector.tick)))
    assert alone["rateHz"] == pytest.approx(sum(alone["counts"]) / 0.4, rel=1e-6)
    assert int(alone["hits"]) > 0
    assert alone["secondsPerMillionHits"] > 0
    client.graphql(REGISTER, {"s": BUSY.format(n="beside"), "r": str(run.run_id)})
    few, many, running = times(4), times(2), times(3)  # what was run last is what runs
    for least, own in ((4, few), (2, many)):
        beside = profiled(least)
        assert beside["lineage"]
        assert int(beside["both"]) == sum(t in set(running) for t in own)
        assert int(beside["more"]) == sum(t not in set(running) for t in own)
        assert int(beside["lacks"]) == sum(t not in set(own) for t in running)


def test_a_dry_run_of_a_wrong_text_has_no_profile(client, run):
    source = BUSY.format(n="wrong").replace("FROM hits", "FROM hitz")
    tried = client.graphql(PROFILE, {"s": source, "r": str(run.run_id)})["dryRun"]
    assert tried["profile"] is None

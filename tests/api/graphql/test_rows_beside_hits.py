"""Rows may lie before a run's first hit and behind its last: without a range none is cut off."""

import polars as pl
import pytest
from test_api_reprocess import finish
from ticks import TOY, Hit, toy_chunks, toy_run, write

from db.catalogue.reprocessings import ask_reprocessing, find_reprocessing
from db.catalogue.runs import close_run, open_run
from db.results.rows import list_lineages, read_committed
from db.time import WHOLE
from software_triggers.registry import register, triggers_of_run
from software_triggers.running.reprocess import Reprocessor, reprocess
from software_triggers.running.threads import ThreadQueue, run_stages

BESIDE = """-- trigger: beside
-- reach: 1 us
-- params: tag Int64 = 0
SELECT arrayJoin([t - 500, t + 1000]) AS t, wire FROM hits WHERE {tag:Int64} < 9
"""
WANTED = {"beside": {}, "events": {}}


@pytest.fixture(scope="module")
def run(engine):
    """Two hits; each makes rows and events on its far sides."""
    register(engine, BESIDE)
    run = open_run(engine, TOY, cell=100, settings={"events": ["beside"]})
    write(engine, run, toy_chunks(run.run_id, [Hit(2050, 0, 1), Hit(6060, 0, 2)]))
    run = close_run(engine, run)
    run_stages(engine, run, triggers_of_run(engine, run), WANTED)
    return run


def counts(client, http, run):
    """What each way to ask says of the rows and of the events."""
    number = str(run.run_id)
    fields = """results { trigger rows } events { totalCount edges { node { t } } }
        candidates(trigger: "beside") { totalCount edges { node { t } } }
        histogram(of: "beside", column: "t", bins: 1) { counts }
        windows(trigger: "beside", first: 1000) { edges { node { rows } } }"""
    told = client.graphql(f'{{ run(which: "{number}") {{ {fields} }} }}')["run"]
    newest = {each["trigger"]: each["rows"] for each in told["results"]}
    for name, rows in (("beside", told["candidates"]), ("events", told["events"])):
        asked = client.query(f"SELECT count() AS n FROM {name}", run=number)["n"][0]
        what = "candidates" if name == "beside" else "events"
        out = http.get(f"/export/{number}/{what}", params={"trigger": name, "format": "parquet"})
        file = pl.read_parquet(out.content)
        yield name, {
            int(newest[name]), rows["totalCount"], len(rows["edges"]), asked, len(file),
        }  # fmt: skip
    bins = told["histogram"]["counts"]
    windows = [edge["node"]["rows"] for edge in told["windows"]["edges"]]
    yield "beside again", {int(sum(bins)), sum(map(int, windows))}


def test_every_way_to_ask_without_a_range_counts_every_row(client, http, run):
    told = dict(counts(client, http, run))
    assert told == {"beside": {4}, "events": {4}, "beside again": {4}}


@pytest.mark.parametrize("tag", [1, 2])
def test_reprocessing_through_the_api_without_a_range_brings_every_row(client, engine, run, tag):
    ask = """mutation($r: String!, $tag: Int!) { reprocess(run: $r,
        triggers: [{name: "beside", params: {tag: $tag}}, {name: "events"}]) { number } }"""
    begun = client.graphql(ask.replace("$tag: Int!", "").replace("$tag", str(tag)),
                           {"r": str(run.run_id)})["reprocess"]  # fmt: skip
    assert finish(client, begun["number"])["state"] == "DONE"
    newest = {each.name: each for each in reversed(list_lineages(engine, run.run_id))}
    for lineage in newest.values():
        assert len(read_committed(engine, lineage, run.cell, *WHOLE)) == 4


def test_reprocessing_a_run_under_way_leaves_out_only_what_is_not_known_yet(engine):
    register(engine, BESIDE)
    run = toy_run(engine)
    write(engine, run, toy_chunks(run.run_id, [Hit(2050, 0, 1), Hit(6060, 0, 2)]))
    one = ask_reprocessing(engine, run.run_id, {"beside": {"tag": 3}}, WHOLE, "me")
    reprocessor = Reprocessor(engine, lambda _: ThreadQueue(engine), only=one.number)
    reprocess(reprocessor, lambda: find_reprocessing(engine, one.number).ended, pause_s=0.01)
    (lineage,) = list_lineages(engine, run.run_id, "beside")
    assert read_committed(engine, lineage, run.cell, *WHOLE)["t"].to_list() == [1550, 3050, 5560]

"""What was run last for a range is what that range shows, and a partial answer says so."""

import polars as pl
import pytest
from ticks import TOY, Hit, toy_chunks, write

from db.catalogue.runs import close_run, open_run
from db.errors import StoreError
from ops.cli.runs import results_of
from software_triggers.registry import register
from software_triggers.running.threads import run_stages
from software_triggers.trigger import sql_trigger

LEAST = """-- trigger: at_least
-- reach: 0 ns
-- params: least Int64 = 0
SELECT t, wire FROM hits WHERE wire >= {least:Int64}
"""
HITS = [Hit(100 * k + 7, 0, k) for k in range(10)]


@pytest.fixture
def run(engine):
    register(engine, LEAST)
    run = open_run(engine, TOY, cell=100)
    write(engine, run, toy_chunks(run.run_id, HITS))
    return close_run(engine, run)


def find(engine, run, least, span=None):
    known = {"at_least": sql_trigger(LEAST)}
    (stage,) = run_stages(engine, run, known, {"at_least": {"least": least}}, span)
    return stage.lineage.lineage


def shown(client, http, run, start=None, stop=None, lineage=None):
    """Rows and what is said of them, by every way to ask; they must agree."""
    number = str(run.run_id)
    ask = """query($r: String!, $a: Moment, $b: Moment, $l: String) { run(which: $r) {
        candidates(trigger: "at_least", start: $a, stop: $b, lineage: $l) {
            totalCount partial lineage }
        histogram(of: "at_least", column: "t", start: $a, stop: $b, lineage: $l) {
            counts partial } } }"""
    told = client.graphql(ask, {"r": number, "a": start, "b": stop, "l": lineage})["run"]
    rows, bins = told["candidates"], told["histogram"]
    given = {"trigger": "at_least", "format": "parquet", "start": start, "stop": stop}
    given |= {"lineage": lineage}
    params = {name: value for name, value in given.items() if value is not None}
    out = http.get(f"/export/{number}/candidates", params=params)
    n = {rows["totalCount"], int(sum(bins["counts"])), len(pl.read_parquet(out.content))}
    said = {rows["partial"], bins["partial"], out.headers.get("Everyhit-Partial", "")}
    if lineage is None:
        answer = http.post(
            "/query",
            json={"sql": "SELECT t FROM at_least", "run": number, "start": start, "stop": stop},
        )
        n.add(len(pl.read_ipc_stream(answer.content)))
        said.add(answer.headers.get("Everyhit-Partial", ""))
    (n,), (said,) = n, said
    return n, said, rows["lineage"]


def test_what_was_run_last_is_shown_though_nothing_had_to_be_done(client, http, engine, run):
    three = find(engine, run, 3)
    assert shown(client, http, run) == (7, "", three)
    eight = find(engine, run, 8)
    assert shown(client, http, run) == (2, "", eight)
    assert find(engine, run, 3) == three
    assert shown(client, http, run) == (7, "", three)


def test_a_piece_hides_no_whole_and_is_shown_where_it_was_run(client, http, engine, run):
    whole = find(engine, run, 0)
    piece = find(engine, run, 2, (0, 500))
    assert shown(client, http, run) == (10, "", whole)
    assert shown(client, http, run, "100 ns", "400 ns") == (2, "", piece)
    n, said, lineage = shown(client, http, run, lineage=piece)
    assert (n, lineage) == (3, piece)
    assert said.endswith("may lack from 5e-07 s to 9.08e-07 s")
    by_lineage = {each["lineage"]: each["partial"] for each in results_of(engine, run)}
    assert by_lineage == {whole: "", piece: said}


def test_pieces_alone_say_what_they_lack(client, http, engine, run):
    piece = find(engine, run, 0, (300, 500))
    n, said, lineage = shown(client, http, run)
    assert (n, lineage) == (2, piece)
    assert "from 7e-09 s to 3e-07 s, from 5e-07 s to 9.08e-07 s" in said
    assert find(engine, run, 0) == piece
    assert shown(client, http, run) == (10, "", piece)


def test_work_that_was_broken_off_hides_nothing(client, http, engine, run, monkeypatch):
    whole = find(engine, run, 0)
    with pytest.raises(StoreError), monkeypatch.context() as patch:
        patch.setattr(
            "software_triggers.running.threads.process",
            lambda *_, **__: (_ for _ in ()).throw(StoreError("the disk is full")),
        )
        find(engine, run, 9)
    assert shown(client, http, run) == (10, "", whole)

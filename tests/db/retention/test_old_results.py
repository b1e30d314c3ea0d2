"""How long results are kept."""

from datetime import UTC, datetime, timedelta

import pytest
from ticks import toy_chunks, toy_run, write
from workbench import SOME, finished, standing

from db.catalogue.reprocessings import ask_reprocessing, cancel_reprocessing, note_progress
from db.catalogue.runs import close_run
from db.results.rows import insert_rows, list_lineages, read_committed
from db.retention.results import (
    Keep,
    apply_results,
    list_keeps,
    plan_results,
    set_keep,
    sweep_results,
)
from software_triggers.task.bind import bind
from software_triggers.trigger import sql_trigger

FAR = 2**40
# Of names of their own: policies are for all runs of the store.
ALL = "-- trigger: aging\n-- reach: 0 ns\n-- params: least Int64 = 0\n"
ALL += "SELECT t, wire FROM hits WHERE wire >= {least:Int64}"
READER = "-- trigger: aging_reader\n-- reach: 0 ns\nSELECT t FROM aging"
KNOWN = {made.name: made for made in map(sql_trigger, (ALL, READER))}


@pytest.fixture
def run(engine):
    run = toy_run(engine)
    write(engine, run, toy_chunks(run.run_id, SOME))
    yield close_run(engine, run)
    set_keep(engine, "aging", Keep())


def days(n):
    return datetime.now(UTC) + timedelta(days=n)


def done(engine, run, wanted, **how):
    stages = bind(engine, run, KNOWN, wanted)
    finished(engine, run, stages, **how)
    return stages[0]


def found(engine, stage):
    return len(read_committed(engine, stage.lineage, stage.run.cell, -FAR, FAR))


def steps(made, run):
    return {(s.of.lineage, s.action) for s in made if s.of.run_id == run.run_id}


def test_older_lineages_go_when_their_days_are_over_and_the_newest_stays(engine, run):
    old = done(engine, run, {"aging": {"least": 1}})
    new = done(engine, run, {"aging": {"least": 2}})
    assert steps(plan_results(engine, days(1000)), run) == set()  # nobody has said so
    set_keep(engine, "aging", Keep(older_days=30))
    assert list_keeps(engine)["aging"] == Keep(30, None)
    assert steps(plan_results(engine, days(29)), run) == set()
    assert steps(plan_results(engine, days(31)), run) == {(old.lineage.lineage, "delete")}
    assert found(engine, old)
    (step,) = [s for s in apply_results(engine, days(31)) if s.of.run_id == run.run_id]
    assert step.windows > 0
    assert [one.lineage for one in list_lineages(engine, run.run_id)] == [new.lineage.lineage]
    assert found(engine, old) == len(standing(engine, old)) == 0
    assert found(engine, new) == sum(hit.wire >= 2 for hit in SOME)
    assert steps(plan_results(engine, days(1000)), run) == set()
    again = done(engine, run, {"aging": {"least": 1}})  # as if it had never been
    assert found(engine, again) == sum(hit.wire >= 1 for hit in SOME)


def test_rows_that_do_not_count_are_swept(engine, run):
    stage = done(engine, run, {"aging": {"least": 1}})

    def stored():
        of_run = f"FROM {stage.lineage.table} WHERE run_id = {run.run_id}"
        return engine.fetch(f"SELECT count() AS n {of_run}")["n"][0].as_py()

    rows = read_committed(engine, stage.lineage, run.cell, -FAR, FAR)
    insert_rows(engine, stage.lineage, run.cell, 77, rows)  # of an attempt that was killed
    sweep_results(engine, datetime.now(UTC))  # or is under way
    assert stored() == 2 * len(rows) > 0
    assert sweep_results(engine, days(2)) >= len(rows)
    assert stored() == len(rows) == found(engine, stage)


def test_a_plan_of_all_says_why_each_lineage_stays(engine, run):
    old = done(engine, run, {"aging": {"least": 1}}).lineage.lineage
    new = done(engine, run, {"aging": {"least": 2}}).lineage.lineage

    def why(now):
        made = plan_results(engine, now, young=True)
        return {s.of.lineage: (s.action, s.why) for s in made if s.of.run_id == run.run_id}

    set_keep(engine, "aging", Keep())
    assert set(why(days(1000)).values()) == {("keep", "they are kept for ever")}
    set_keep(engine, "aging", Keep(older_days=30))
    newest = ("keep", "their lineage is the newest")
    assert why(days(29))[new] == newest
    assert why(days(29))[old][1].startswith("they are kept until ")
    assert why(days(31)) == {new: newest, old: ("delete", "")}
    set_keep(engine, "aging", Keep())


def test_what_the_newest_lacks_or_others_were_made_from_stays(engine, run):
    read = done(engine, run, {"aging_reader": {}, "aging": {"least": 1}})
    assert read.name == "aging"
    part = done(engine, run, {"aging": {"least": 3}}, span=(0, 500))
    set_keep(engine, "aging", Keep(older_days=30))
    (step,) = [s for s in apply_results(engine, days(31)) if s.of.run_id == run.run_id]
    assert step.action == "keep"
    assert f"the newest lineage {part.lineage.lineage} lacks" in step.why
    done(engine, run, {"aging": {"least": 3}})
    (step,) = [s for s in apply_results(engine, days(31)) if s.of.run_id == run.run_id]
    assert (step.of.lineage, step.action) == (read.lineage.lineage, "keep")
    assert step.why.startswith("aging_reader ")
    assert found(engine, read)


def test_all_of_a_trigger_go_some_days_after_the_run_but_not_under_a_reprocessing(engine, run):
    first = done(engine, run, {"aging": {"least": 1}})
    done(engine, run, {"aging": {"least": 2}})
    set_keep(engine, "aging", Keep(all_days=100))
    assert steps(plan_results(engine, days(99)), run) == set()
    asked = ask_reprocessing(engine, run.run_id, {"nowhere": {}}, (0, 1), "me")
    assert {action for _, action in steps(apply_results(engine, days(101)), run)} == {"keep"}
    cancel_reprocessing(engine, asked.number)
    note_progress(engine, asked.__class__(**{**vars(asked), "noted": "cancelled"}))
    assert {action for _, action in steps(apply_results(engine, days(101)), run)} == {"delete"}
    assert list_lineages(engine, run.run_id) == []
    assert found(engine, first) == 0

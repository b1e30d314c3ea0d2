"""Data that come late re-open the windows that they touch, and no others."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ticks import Hit, toy_chunk, toy_chunks, toy_run, write
from workbench import (
    PAIRS,
    SOME,
    Workers,
    attempts,
    finished,
    follow,
    rows,
    same,
    settle,
    some_hits,
    stages_of,
    standing,
    stored,
)

from db.catalogue.runs import close_run
from software_triggers.conductor.conductor import (
    Job,
)
from software_triggers.task.bind import bind
from software_triggers.trigger import sql_trigger

pytestmark = pytest.mark.every_store  # its promises hold on servers, too


@settings(max_examples=6)
@given(some_hits, st.data(), st.sampled_from([10, 70]), st.booleans())
def test_late_chunks_reopen_only_what_they_touch(engine, made, data, cell, live):
    """Each stage of the chain, with its own horizon."""
    stages = stages_of(engine, cell)
    run = stages[0].run
    of = {stage.name: stage for stage in stages}
    chunks = toy_chunks(run.run_id, made, most=2)
    late = data.draw(st.lists(st.sampled_from(chunks), unique_by=id))
    write(engine, run, [c for c in chunks if c not in late])
    job = Job(engine, run, stages, latency=0)
    if not live:
        job.close()
    settle(job, Workers(engine))
    before = {name: standing(engine, stage) for name, stage in of.items()}
    tries = {name: attempts(engine, stage) for name, stage in of.items()}

    write(engine, run, late)
    if not live:
        job = Job(engine, run, stages)
    job.close()
    follow(job, Workers(engine))
    assert same(engine, stages, made)

    for stage in stages:
        reopened = {
            c
            for c in before[stage.name]["cell"]
            if attempts(engine, stage)[c] > tries[stage.name][c]
        }
        assert reopened == {
            c
            for c in before[stage.name]["cell"]
            for k in late
            if k.n_hits
            and k.t_first < (c + 1) * cell + stage.horizon
            and k.t_last >= c * cell - stage.horizon
        }, stage.name


def test_late_chunks_reopen_windows_of_the_whole_chain(engine):
    after = sql_trigger("-- trigger: after\n-- reach: 10 ns\nSELECT t FROM pairs")
    run = toy_run(engine)
    pairs, below = bind(engine, run, {"pairs": PAIRS, "after": after}, {"after": {}})
    assert (pairs.horizon, below.horizon) == (30, 40)
    made = [Hit(t, 0, 0) for t in (0, 10, 450, 650, 800)]
    write(engine, run, toy_chunks(run.run_id, made, most=1))
    finished(engine, run, [pairs, below])
    write(engine, run, toy_chunks(run.run_id, [Hit(535, 5, 0)]))
    finished(engine, run, [pairs, below])
    assert {c for c, n in attempts(engine, pairs).items() if n > 1} == set()
    assert {c for c, n in attempts(engine, below).items() if n > 1} == {4}
    write(engine, run, [toy_chunk(run.run_id, 9, 0, [], 900, at=450)])  # a heartbeat
    finished(engine, run, [pairs, below])
    assert {c for c, n in attempts(engine, below).items() if n > 1} == {4}
    write(engine, run, toy_chunks(run.run_id, [Hit(455, 6, 0)]))
    finished(engine, run, [pairs, below])
    assert {c for c, n in attempts(engine, pairs).items() if n > 1} == {4}
    assert len(rows(engine, [below])["after"]) == 4


def test_hits_before_the_first_that_was_seen_are_not_lost(engine):
    stages = stages_of(engine)
    run = stages[0].run
    early, late = [h for h in SOME if h.t > 900], [h for h in SOME if h.t <= 900]
    chunks = toy_chunks(run.run_id, [h._replace(link=3) for h in early])
    write(engine, run, chunks)
    job = Job(engine, run, stages)
    workers = Workers(engine)
    settle(job, workers)
    write(engine, run, toy_chunks(run.run_id, late))
    settle(job, workers)
    job.close()
    follow(job, workers)
    assert same(engine, stages, [*[h._replace(link=3) for h in early], *late])


def test_data_that_come_after_the_end_of_a_run_repair_it(engine):
    stages = stored(engine)
    run = stages[0].run
    finished(engine, run, stages)
    run = close_run(engine, run)
    late = [Hit(333, 8, 1), Hit(4000, 8, 1)]
    write(engine, run, toy_chunks(run.run_id, late))
    job = Job(engine, run, stages)
    follow(job, Workers(engine))
    assert same(engine, stages, [*SOME, *late])

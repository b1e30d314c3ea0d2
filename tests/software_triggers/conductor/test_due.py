"""When a window is due: watermarks, results that are read, the latency limit, dead links."""

import pytest
from ticks import Hit, toy_chunk, toy_chunks, toy_run, write
from workbench import (
    SOME,
    Workers,
    attempts,
    follow,
    rows,
    same,
    settle,
    stages_of,
    standing,
)

from software_triggers.conductor.conductor import (
    Job,
)
from software_triggers.task.bind import bind
from software_triggers.trigger import sql_trigger

pytestmark = pytest.mark.every_store  # its promises hold on servers, too


def test_a_window_waits_for_every_watermark_to_pass_its_reach(engine):
    (stage,) = stages_of(engine, wanted={"echoes": {}})
    run = stage.run
    job = Job(engine, run, [stage], links=[0, 1])
    workers = Workers(engine)
    sent = []

    def after(link, seq, hits, mark):
        write(engine, run, [toy_chunk(run.run_id, link, seq, hits, mark, at=mark)])
        settle(job, workers)
        cells = standing(engine, stage)["cell"].to_list()
        sent.append(max(cells, default=None))

    after(0, 0, [Hit(0, 0, 0), Hit(250, 0, 1), Hit(470, 0, 2)], 1000)
    assert sent[-1] is None  # link 1 is silent
    after(1, 0, [Hit(20, 1, 0)], 339)
    assert sent[-1] == 1  # cell 2 must see up to 340
    after(1, 1, [], 340)
    assert sent[-1] == 2
    assert job.done_to("echoes") == 300
    after(1, 3, [], 900)
    assert sent[-1] == 2  # chunk 2 is missing
    after(1, 2, [], 500)
    assert sent[-1] == 5  # behind it there are no words
    assert standing(engine, stage)["complete"].all()
    assert set(attempts(engine, stage).values()) == {1}
    assert job.done_to("echoes") == 800  # silence is done with, too
    job.close()
    follow(job, workers)
    assert job.done_to("echoes") == 600
    made = [Hit(0, 0, 0), Hit(250, 0, 1), Hit(470, 0, 2), Hit(20, 1, 0)]
    assert same(engine, [stage], made)


def test_a_window_waits_for_its_whole_horizon(engine):
    """Readers look at words through what they read."""
    stages = stages_of(engine, wanted={"second_echoes": {}})
    run = stages[0].run
    job, workers = Job(engine, run, stages), Workers(engine)
    for seq, (hits, mark, last) in enumerate(
        [([Hit(110, 0, 0)], 279, 0), ([], 280, 1), ([Hit(290, 0, 0)], 479, 2), ([], 480, 3)]
    ):
        write(engine, run, [toy_chunk(run.run_id, 0, seq, hits, mark, at=mark)])
        settle(job, workers)
        for stage in stages:
            assert max(standing(engine, stage)["cell"], default=None) == last


@pytest.mark.parametrize(("reach", "most"), [(40, 0), (800, 2)])
def test_windows_of_a_chain_that_looks_far_go_out_by_the_row(engine, reach, most):
    (stage,) = stages_of(engine, wanted={"echoes": {"by": reach}})
    run, workers = stage.run, Workers(engine)
    job, last, n_tasks = Job(engine, run, [stage]), -1, 0
    for seq in range(30):
        mark = (seq + 1) * 100
        chunk = toy_chunk(run.run_id, 0, seq, [Hit(seq * 100, 0, 0)], mark, at=mark)
        write(engine, run, [chunk])
        settle(job, workers)
        before, last = last, max(standing(engine, stage)["cell"], default=-1)
        n_tasks += last > before
        due = (mark - reach) // 100  # those from 0 on, and those before that look at the first hits
        assert due - 1 - most <= last < max(due, 0)
    assert n_tasks <= 30 // (most + 1)
    job.close()
    follow(job, workers)
    assert standing(engine, stage)["complete"].all()


def silent_link(engine, wanted, latency=300):
    """A run of two links, of which one has not been heard of yet."""
    stages = stages_of(engine, wanted=wanted)
    run = stages[0].run
    here, there = [h for h in SOME if h.link != 1], [h for h in SOME if h.link == 1]
    write(engine, run, [c for c in toy_chunks(run.run_id, here) if c.n_hits])
    job = Job(engine, run, stages, latency=latency, links=[0, 1, 2])
    settle(job, Workers(engine))
    return stages, job, there


def test_a_silent_link_holds_windows_no_longer_than_the_latency_limit(engine):
    (stage,), job, there = silent_link(engine, {"echoes": {}})
    run = stage.run
    newest = max(h.t for h in SOME if h.link != 1)
    early = standing(engine, stage)
    assert early["cell"].max() == (newest + 1 - 300 - stage.reach) // 100 - 1
    assert not early["complete"].any()
    assert job.progress["echoes"].incomplete == set(early["cell"])

    write(engine, run, toy_chunks(run.run_id, there))
    settle(job, Workers(engine))
    repaired = standing(engine, stage)
    passed = job.watermarks.passed
    for cell, complete in repaired.select("cell", "complete").rows():
        assert complete == ((cell + 1) * 100 + stage.reach <= passed)
    assert repaired["complete"].sum() > len(early) / 2
    untouched = {c for c, n in attempts(engine, stage).items() if n == 1} & set(early["cell"])
    near = {c for c in early["cell"] for h in there if c * 100 - 40 <= h.t < c * 100 + 140}
    assert untouched.isdisjoint(near)
    job.close()
    follow(job, Workers(engine))
    assert same(engine, [stage], SOME)
    assert standing(engine, stage)["complete"].all()


def test_what_rests_on_incomplete_windows_is_incomplete(engine):
    stages, _, _ = silent_link(engine, {"second_echoes": {}})
    below = standing(engine, stages[-1])
    assert len(below)
    assert not below["complete"].any()


def test_without_a_limit_windows_wait_for_a_silent_link(engine):
    (stage,), job, there = silent_link(engine, {"echoes": {}}, latency=None)
    assert standing(engine, stage).is_empty()
    write(engine, stage.run, toy_chunks(stage.run.run_id, there))
    settle(job, Workers(engine))
    assert len(standing(engine, stage))
    job.watermarks.dead.update([0, 1, 2])
    job.close()
    follow(job, Workers(engine))
    assert same(engine, [stage], SOME)


@pytest.mark.parametrize("period", [500, 1000, 700])
def test_counts_of_a_period_are_right_though_its_last_slice_reaches_beyond(engine, period):
    """A slice of 500 ticks that begins in a period counts in it as a whole."""
    counted = sql_trigger(
        "-- trigger: counted\n-- reach: period\n-- params: period Int64 = 1 us\n"
        "SELECT intDiv(t - positiveModulo(t, {period:Int64}), {period:Int64}) * {period:Int64}"
        " AS t, sum(n_hits) AS n FROM rates GROUP BY t"
    )
    run = toy_run(engine)
    stages = bind(engine, run, {"counted": counted}, {"counted": {"period": period}})
    job = Job(engine, run, stages)
    made = [Hit(t, 0, 0) for t in range(0, 2600, 60)]
    for chunk in toy_chunks(run.run_id, made, most=4):
        write(engine, run, [chunk])
        settle(job, Workers(engine))
    job.close()
    follow(job, Workers(engine))
    starts = [hit.t // 500 * 500 // period * period for hit in made]
    found = sorted(repr((t, starts.count(t))) for t in set(starts))
    assert rows(engine, stages)["counted"] == found


def test_nobody_waits_for_a_dead_link(engine):
    (stage,), job, _ = silent_link(engine, {"echoes": {}}, latency=None)
    job.watermarks.dead.add(1)
    settle(job, Workers(engine))
    assert standing(engine, stage)["complete"].all()
    assert len(standing(engine, stage)) > 5

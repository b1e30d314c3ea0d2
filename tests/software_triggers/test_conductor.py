from random import Random
from types import SimpleNamespace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ticks import Hit, toy_chunk, toy_chunks, toy_run, write
from workbench import (
    PAIRS,
    SOME,
    TRIGGERS,
    WANTED,
    Mortal,
    Sent,
    Unreliable,
    Workers,
    attempts,
    expected,
    finished,
    follow,
    ledger_rows,
    rows,
    same,
    settle,
    some_hits,
    stages_of,
    standing,
)

from db.errors import StoreError
from db.runs import close_run
from software_triggers.conductor import (
    LOST_AFTER_S,
    Job,
    conduct,
    needed_cells,
)
from software_triggers.stage import bind
from software_triggers.threads import run_stages, thread_submit
from software_triggers.trigger import sql_trigger

# Any order, any death


@settings(max_examples=12)
@given(some_hits, st.sampled_from([10, 70, 1000]), st.integers(0, 2**32))
def test_no_order_of_arrival_and_no_death_changes_the_rows(engine, made, cell, seed):
    """Chunks come in any order; tasks come late, twice or never, workers and conductors die."""
    rng = Random(seed)
    stages = stages_of(engine, cell)
    run = stages[0].run
    chunks = toy_chunks(run.run_id, made, most=rng.randint(1, 4))
    rng.shuffle(chunks)
    workers = Unreliable(engine, rng, most_hits=rng.choice([5, 1000]))
    how = {"latency": rng.choice([None, 0, 300]), "links": rng.choice([(), (0, 1, 2)])}
    jobs = [Job(engine, run, stages, **how) for _ in range(rng.choice([1, 1, 2]))]
    now = 0.0
    while chunks:
        n = rng.randint(1, len(chunks))
        write(engine, run, chunks[:n])
        chunks = chunks[n:]
        for job in jobs:
            job.advance(workers, now, most_cells=rng.choice([3, 100]), most_pending=4)
        workers.work()
        now += rng.choice([0.01, LOST_AFTER_S])
        if rng.random() < 0.2:
            jobs[0] = Job(engine, run, stages, **how)
    if rng.random() < 0.5:
        jobs = [Job(engine, run, stages, **how)]
    for job in jobs:
        job.close()
        follow(job, workers, now)
    assert same(engine, stages, made)
    for stage in stages:
        assert standing(engine, stage)["complete"].all()


def test_two_conductors_at_once_do_no_harm(engine):
    stages = stages_of(engine)
    run = stages[0].run
    write(engine, run, toy_chunks(run.run_id, SOME))
    jobs = [Job(engine, run, stages) for _ in range(2)]
    workers = Unreliable(engine, Random(5))
    now = 0.0
    for job in jobs:
        job.close()
    while not all(job.finished for job in jobs):
        for job in jobs:
            job.advance(workers, now, most_cells=3, most_pending=4)
        workers.work()
        now += LOST_AFTER_S / 20
    assert workers.deaths
    assert same(engine, stages, SOME)


def test_a_second_conductor_redoes_nothing(engine):
    stages = stages_of(engine)
    run = stages[0].run
    write(engine, run, toy_chunks(run.run_id, SOME))
    finished(engine, run, stages)
    before = [ledger_rows(engine, stage) for stage in stages]
    again = Workers(engine)
    finished(engine, run, stages, again)
    assert again.tasks == []
    assert [ledger_rows(engine, s).equals(b) for s, b in zip(stages, before, strict=True)]


def test_a_conductor_killed_on_its_way_is_followed_where_the_ledger_stands(engine):
    stages = stages_of(engine)
    run = stages[0].run
    write(engine, run, toy_chunks(run.run_id, SOME))
    first = Job(engine, run, stages)
    first.close()
    workers = Workers(engine)
    for _ in range(2):
        first.advance(workers, 0.0, most_cells=2, most_pending=2)
    done = {stage.name: set(standing(engine, stage)["cell"]) for stage in stages}
    assert any(done.values())
    finished(engine, run, stages)
    assert same(engine, stages, SOME)
    for stage in stages:
        assert set(attempts(engine, stage).values()) == {1}
        assert set(standing(engine, stage)["cell"]) > done[stage.name]


# Late data


@settings(max_examples=6)
@given(some_hits, st.data(), st.sampled_from([10, 70]), st.booleans())
def test_late_chunks_reopen_only_what_they_touch(engine, made, data, cell, live):
    """And further down, only what rests on rows that changed."""
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

    after = {name: standing(engine, stage) for name, stage in of.items()}
    reopened, changed = {}, {}
    for name, stage in of.items():
        both = before[name].join(after[name], on="cell", suffix="_now")
        reopened[name] = {c for c in both["cell"] if attempts(engine, stage)[c] > tries[name][c]}
        changed[name] = set(both.filter(pl.col("digest") != pl.col("digest_now"))["cell"])
        changed[name] |= set(after[name]["cell"]) - set(both["cell"])

    def overlaps(name, cell_of, a, b):
        reach = of[name].reach
        return a < (cell_of + 1) * cell + reach and b > cell_of * cell - reach

    for name, stage in of.items():
        touched = {
            c
            for c in before[name]["cell"]
            if (
                stage.reads_hits
                and any(overlaps(name, c, k.t_first, k.t_last + 1) for k in late if k.n_hits)
            )
            or any(
                overlaps(name, c, u * cell, (u + 1) * cell)
                for i in stage.inputs
                for u in changed[i]
            )
        }
        assert reopened[name] == touched, name


def test_late_chunks_that_change_no_row_reopen_nothing_below(engine):
    after = sql_trigger("-- trigger: after\n-- reach: 10 ns\nSELECT t FROM pairs")
    run = toy_run(engine)
    pairs, below = bind(engine, run, {"pairs": PAIRS, "after": after}, {"after": {}})
    write(engine, run, toy_chunks(run.run_id, [Hit(0, 0, 0), Hit(10, 0, 0), Hit(800, 0, 0)]))
    finished(engine, run, [pairs, below])
    write(engine, run, toy_chunks(run.run_id, [Hit(550, 5, 0)]))  # far from all: no new pair
    finished(engine, run, [pairs, below])
    assert {c for c, n in attempts(engine, pairs).items() if n > 1} == {5}
    assert {c for c, n in attempts(engine, below).items() if n > 1} == set()
    write(engine, run, [toy_chunk(run.run_id, 9, 0, [], 900, at=550)])  # a heartbeat
    finished(engine, run, [pairs, below])
    assert {c for c, n in attempts(engine, pairs).items() if n > 1} == {5}
    write(engine, run, toy_chunks(run.run_id, [Hit(555, 6, 0)]))
    finished(engine, run, [pairs, below])
    assert {c for c, n in attempts(engine, below).items() if n > 1} == {4, 5, 6}
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
    stages = stages_of(engine)
    run = stages[0].run
    write(engine, run, toy_chunks(run.run_id, SOME))
    finished(engine, run, stages)
    run = close_run(engine, run)
    late = [Hit(333, 8, 1), Hit(4000, 8, 1)]
    write(engine, run, toy_chunks(run.run_id, late))
    job = Job(engine, run, stages)
    follow(job, Workers(engine))
    assert same(engine, stages, [*SOME, *late])


# When windows are due


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

    after(0, 0, [Hit(0, 0, 0), Hit(250, 0, 1)], 1000)
    assert sent[-1] is None  # link 1 is silent
    after(1, 0, [Hit(20, 1, 0)], 339)
    assert sent[-1] == 1  # cell 2 must see up to 340
    after(1, 1, [], 340)
    assert sent[-1] == 2
    after(1, 3, [], 900)
    assert sent[-1] == 2  # chunk 2 is missing
    after(1, 2, [], 500)
    assert sent[-1] == 7
    assert standing(engine, stage)["complete"].all()
    assert set(attempts(engine, stage).values()) == {1}
    job.close()
    follow(job, workers)
    assert same(engine, [stage], [Hit(0, 0, 0), Hit(250, 0, 1), Hit(20, 1, 0)])


def test_a_reader_waits_for_the_results_that_it_reads(engine):
    stages = stages_of(engine, wanted={"second_echoes": {}})
    run = stages[0].run
    write(engine, run, toy_chunks(run.run_id, SOME))
    job = Job(engine, run, stages)
    job.close()
    held = []

    def hold(task):
        held.append((task, Sent()))
        return held[-1][1]

    job.advance(hold, 0.0, 5, 1)
    job.advance(hold, 0.0, 5, 1)
    assert [task.stage.name for task, _ in held] == ["echoes"]
    task, sent = held.pop()
    Workers(engine)(task)
    sent.ended = True
    job.advance(hold, 0.0, 5, 1)
    upto = {}
    for sent_out, _ in held:
        upto[sent_out.stage.name] = max(sent_out.stop, upto.get(sent_out.stage.name, -9))
    assert task.stop == task.first + 5
    # The reader's last window looks into a window of the input that is not there yet.
    assert upto == {"echoes": task.stop + 5, "second_echoes": task.stop - 1}


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


# From when to when


def test_a_run_without_hits_is_finished_when_it_is_closed(engine):
    stages = stages_of(engine)
    run = stages[0].run
    job = Job(engine, run, stages)
    job.advance(Workers(engine), 0.0, 100, 8)
    assert not job.finished
    write(engine, run, [toy_chunk(run.run_id, 0, 0, [], 900)])
    job.close()
    follow(job, Workers(engine))
    assert not any(rows(engine, stages).values())


def test_a_span_brings_the_rows_in_it(engine):
    stages = stages_of(engine, wanted={"second_echoes": {}, "crowds": {}})
    run = stages[0].run
    write(engine, run, toy_chunks(run.run_id, SOME))
    finished(engine, run, stages, span=(430, 777))
    found = rows(engine, stages, 430, 777)
    whole = expected(SOME)
    for stage in stages:
        inside = [r for r in whole[stage.name] if 430 <= int(r[1:].split(",")[0]) < 777]
        assert found[stage.name] == inside, stage.name
    cells = needed_cells(stages, 430, 777)
    for stage in stages:
        first, stop = cells[stage.name]
        assert set(range(first, stop)) <= set(standing(engine, stage)["cell"])


def test_a_span_brings_no_windows_beyond_it(engine):
    """They would be told complete, though not all that they read is there."""
    stages = stages_of(engine, wanted={"second_echoes": {}})
    run = stages[0].run
    write(engine, run, toy_chunks(run.run_id, SOME))
    finished(engine, run, stages, span=(430, 777))
    cells = needed_cells(stages, 430, 777)
    for stage in stages:
        assert set(standing(engine, stage)["cell"]) == set(range(*cells[stage.name]))


def test_a_wider_span_goes_on_where_the_narrow_one_ended(engine):
    stages = stages_of(engine, wanted={"second_echoes": {}})
    run = stages[0].run
    write(engine, run, toy_chunks(run.run_id, SOME))
    finished(engine, run, stages, span=(430, 777))
    finished(engine, run, stages)
    assert same(engine, stages, SOME)


def stub(name, reach, inputs, cell=10):
    return SimpleNamespace(name=name, reach=reach, inputs=inputs, run=SimpleNamespace(cell=cell))


@given(
    st.lists(st.tuples(st.integers(0, 35), st.sets(st.integers(0, 5))), min_size=1, max_size=6),
    st.integers(-100, 100),
    st.integers(1, 80),
)
def test_needed_cells_are_those_and_only_those_that_a_range_rests_on(made, a, length):
    stages = [
        stub(str(k), reach, {str(i): None for i in inputs if i < k})
        for k, (reach, inputs) in enumerate(made)
    ]
    cells = needed_cells(stages, a, a + length)
    assert list(cells) == [s.name for s in reversed(stages)]
    for stage in stages:
        needs = [(a, a + length)]
        for reader in stages:
            if stage.name in reader.inputs:
                first, stop = cells[reader.name]
                needs.append((first * 10 - reader.reach, stop * 10 + reader.reach))
        ticks = (min(x for x, _ in needs), max(y for _, y in needs))
        first, stop = cells[stage.name]
        assert first * 10 <= ticks[0] < (first + 1) * 10
        assert (stop - 1) * 10 < ticks[1] <= stop * 10


# On threads


def test_threads_do_it_all(engine):
    run = toy_run(engine)
    write(engine, run, toy_chunks(run.run_id, SOME))
    looks = []
    stages = run_stages(
        engine, run, TRIGGERS, WANTED, n_threads=3, most_cells=4, progress=looks.append
    )
    assert same(engine, stages, SOME)
    assert looks
    again = run_stages(engine, run, TRIGGERS, WANTED)
    assert [s.lineage for s in again] == [s.lineage for s in stages]
    for stage in stages:
        assert set(attempts(engine, stage).values()) == {1}


def test_threads_work_on_several_runs_until_told_to_stop(engine):
    runs = [toy_run(engine) for _ in range(2)]
    jobs = []
    for run in runs:
        write(engine, run, toy_chunks(run.run_id, SOME))
        jobs.append(Job(engine, run, bind(engine, run, TRIGGERS, {"echoes": {}})))
    jobs[0].close()
    with thread_submit(engine, 2) as submit:
        conduct(jobs, submit, until=lambda: jobs[0].finished and jobs[1].progress != {})
    assert jobs[0].finished
    assert not jobs[1].finished
    assert same(engine, jobs[0].stages, SOME)


def test_a_failure_of_the_store_ends_the_work_on_threads(engine):
    run = toy_run(engine)
    write(engine, run, toy_chunks(run.run_id, SOME))
    bind(engine, run, TRIGGERS, WANTED)

    class Full(Mortal):
        def insert(self, table, *args):
            if table == "ledger":
                raise StoreError("the disk is full")
            return self.engine.insert(table, *args)

    with pytest.raises(StoreError, match="disk is full"):
        run_stages(Full(engine, 0), run, TRIGGERS, WANTED)

"""Any order of arrival, any death of workers and conductors: the rows are the same."""

from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ticks import Hit, toy_chunks, write
from workbench import (
    SOME,
    Unreliable,
    Workers,
    attempts,
    finished,
    follow,
    ledger_rows,
    same,
    some_hits,
    stages_of,
    standing,
    stored,
)

from software_triggers.conductor.conductor import (
    LOST_AFTER_S,
    Job,
)

pytestmark = pytest.mark.every_store  # its promises hold on servers, too


@pytest.mark.slow
@settings(max_examples=12)
# A task given up for lost has done its windows before every watermark had passed.
@example(
    [Hit(0, 0, 0)] * 5 + [Hit(0, 1, 0), Hit(0, 2, 0), Hit(-165, 0, 0), Hit(500, 0, 0)], 70, 148
)
@given(some_hits, st.sampled_from([10, 70, 1000]), st.integers(0, 2**32))
@pytest.mark.embedded_only
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


@pytest.mark.embedded_only
def test_two_conductors_at_once_do_no_harm(engine):
    stages = stored(engine)
    run = stages[0].run
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
    stages = stored(engine)
    run = stages[0].run
    finished(engine, run, stages)
    before = [ledger_rows(engine, stage) for stage in stages]
    again = Workers(engine)
    finished(engine, run, stages, again)
    assert again.tasks == []
    assert [ledger_rows(engine, s).equals(b) for s, b in zip(stages, before, strict=True)]


def test_a_conductor_killed_on_its_way_is_followed_where_the_ledger_stands(engine):
    stages = stored(engine)
    run = stages[0].run
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

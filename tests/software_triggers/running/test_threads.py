"""All windows of some runs, worked on by threads of one process."""

import pytest
from ticks import toy_chunks, toy_run, write
from workbench import (
    SOME,
    TRIGGERS,
    WANTED,
    Mortal,
    attempts,
    same,
)

from db.errors import StoreError
from software_triggers.conductor.conductor import (
    Job,
    conduct,
)
from software_triggers.running.threads import run_stages, thread_submit
from software_triggers.task.bind import bind

pytestmark = pytest.mark.every_store  # its promises hold on servers, too


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
        conduct(jobs, submit, until=lambda: jobs[0].finished and jobs[1].watermarks.seen)
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

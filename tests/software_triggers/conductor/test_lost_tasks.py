"""Tasks that are lost or fail, workers that die of them, and a store that is away."""

import numpy as np
import polars as pl
import pytest
from workbench import SOME, Sent, Workers, closed_job, follow, same

from db.results import ledger
from software_triggers.conductor.conductor import LONGEST_PATIENCE_S, LOST_AFTER_S

pytestmark = pytest.mark.every_store  # its promises hold on servers, too


def test_a_task_that_nobody_hears_of_is_sent_again(engine):
    job = closed_job(engine, {"echoes": {}})
    lost = []
    job.advance(lambda task: lost.append(task) or Sent(), 0.0, 1000, 8)
    job.advance(Workers(engine), LOST_AFTER_S - 1, 1000, 8)
    assert len(lost) == 1
    assert job.backlog
    assert not job.finished
    follow(job, Workers(engine), now=LOST_AFTER_S + 1)
    assert same(engine, job.stages, SOME)
    assert job.backlog == 0


def test_a_task_that_failed_is_sent_again(engine):
    job = closed_job(engine, {"second_echoes": {}})
    fails = [True] * 3

    def sometimes(task):
        return Sent(ended=True, broken=True) if fails and fails.pop() else Workers(engine)(task)

    follow(job, sometimes)
    assert same(engine, job.stages, SOME)


def test_a_store_that_fails_is_left_alone_for_a_while(engine):
    job = closed_job(engine)
    sent = []

    def fails(task):
        sent.append(task)
        return Sent(ended=True, broken=True)

    for now in np.arange(0, 30, 0.05):
        job.advance(fails, now, 1000, 8)
    assert 5 <= len(sent) <= 12
    follow(job, Workers(engine), now=60.0)
    assert same(engine, job.stages, SOME)


def test_a_window_that_ends_its_workers_is_set_aside_and_no_other(engine):
    job = closed_job(engine, {"echoes": {}})
    deaths = []

    def deadly(task):
        if task.first <= 3 < task.stop:
            deaths.append(task)
            return Sent(taken=True)
        return Workers(engine)(task)

    for now in np.arange(0, 10 * LOST_AFTER_S, LOST_AFTER_S / 3):
        job.advance(deadly, now, 1000, 8)
    assert job.finished
    assert len(deaths) == 3
    failed = engine.fetch(
        "SELECT cell, error FROM failures WHERE run_id = {run:UInt32}", {"run": job.run.run_id}
    ).to_pylist()
    assert [row["cell"] for row in failed] == [3]
    assert "lost 3 times" in failed[0]["error"]
    known = ledger.current(engine, job.run.run_id, job.stages[0].lineage.lineage, -100, 100)
    assert known.filter(~pl.col("complete"))["cell"].to_list() == [3]


def test_windows_wait_for_workers_however_long_there_are_none(engine):
    job = closed_job(engine)
    sent = []

    def nobody(task):
        sent.append(task)
        return Sent()

    for now in np.arange(0, 40 * LOST_AFTER_S, LOST_AFTER_S / 3):
        job.advance(nobody, now, 1000, 8)
    once = len({(task.stages[-1].name, task.first) for task in sent})
    assert 4 * once <= len(sent) <= 6 * once  # after 1, 3, 7, 15 and 31 times as long
    follow(job, Workers(engine), now=40 * LOST_AFTER_S + LONGEST_PATIENCE_S)
    assert same(engine, job.stages, SOME)

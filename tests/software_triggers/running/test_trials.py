"""On what a trigger's results depend is found out, and said with the first row that differs."""

import polars as pl
import pytest
from neighbours import NUMBERED, neighbours, run_of_neighbours
from ticks import toy_run
from workbench import PAIRS

from db.results.rows import list_lineages
from db.time import WHOLE
from software_triggers.running.trials import try_out
from software_triggers.trigger import sql_trigger, trigger

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(engine):
    return run_of_neighbours(engine)


@trigger(reach="40 ns")
def in_order(hits):
    """The wire before, as rows come."""
    return hits.select("t", n=pl.col("t").shift(1).fill_null(0) < pl.col("t"))


_calls = []


@trigger(reach="0 ns")
def counting(hits):
    """How often it was asked."""
    _calls.append(1)
    return hits.select("t", n=pl.lit(len(_calls)))


def verdicts(trial):
    return {check.name: check.verdict for check in trial.checks}


@pytest.mark.parametrize("found", [PAIRS, neighbours("40 ns")])
def test_a_good_trigger_passes_and_leaves_nothing(engine, run, found):
    trial = try_out(engine, run, found, {}, *WHOLE)
    assert verdicts(trial) == {"again": "", "order": "", "windows": ""}
    assert trial.n_rows > 10
    assert list_lineages(engine, run.run_id) == []


def test_a_reach_that_is_too_short_is_told_with_one_that_does(engine, run):
    trial = try_out(engine, run, neighbours("10 ns"), {}, *WHOLE)
    assert verdicts(trial)["order"] == ""
    assert verdicts(trial)["windows"].startswith("its reach is too short: with 200 ns")
    first = trial.checks[-1].first
    assert (first.t, first.uncut, first.cut) == (40, 1, 0)


def test_what_numbers_over_the_window_is_told(engine, run):
    trial = try_out(engine, run, sql_trigger(NUMBERED), {}, *WHOLE)
    assert "counts or numbers over the whole window" in verdicts(trial)["windows"]
    assert verdicts(trial)["order"] == ""


def test_what_depends_on_the_order_is_told(engine, run):
    trial = try_out(engine, run, in_order, {}, *WHOLE)
    assert verdicts(trial)["again"] == ""
    assert "another order" in verdicts(trial)["order"]


def test_sql_that_depends_on_the_order_is_told(engine, run):
    text = """-- trigger: as_they_come
-- reach: 0 ns
SELECT t, number FROM (SELECT t, lagInFrame(t) OVER (ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
 AS number FROM hits)"""
    trial = try_out(engine, run, sql_trigger(text), {}, *WHOLE)
    assert "another order" in verdicts(trial)["order"]


def test_what_is_kept_between_calls_is_told(engine, run):
    trial = try_out(engine, run, counting, {}, *WHOLE)
    assert "keeps something between calls" in verdicts(trial)["again"]
    assert trial.checks[0].first.t == 0
    assert len(trial.checks) == 1


def test_without_hits_all_is_well(engine):
    trial = try_out(engine, toy_run(engine), neighbours("40 ns"), {}, *WHOLE)
    assert (trial.n_rows, set(verdicts(trial).values())) == (0, {""})

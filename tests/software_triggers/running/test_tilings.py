"""Whether a trigger finds the same however its windows are cut."""

import json

import polars as pl
import pytest
from ticks import Hit, toy_chunks, toy_run, write
from workbench import PAIRS

from db.errors import SqlError
from db.results.rows import list_lineages
from db.time import WHOLE
from software_triggers.running.tilings import compare_tilings
from software_triggers.trigger import sql_trigger, trigger

TIMES = [*range(0, 2000, 40), *range(20, 2000, 400)]


@pytest.fixture(scope="module")
def run(engine):
    run = toy_run(engine)
    write(engine, run, toy_chunks(run.run_id, [Hit(t, 0, t % 4) for t in TIMES]))
    return run


def neighbours(reach):
    @trigger(reach=reach)
    def neighbours(hits):
        """The hits that have another one before them by 40 ns."""
        before = hits.select(pl.col("t") + 40)
        return hits.join(before.unique(), on="t").select("t", "wire")

    return neighbours


@pytest.mark.parametrize("found", [PAIRS, neighbours("40 ns")])
def test_a_trigger_that_looks_far_enough_finds_the_same(engine, run, found):
    told = compare_tilings(engine, run, found, {}, *WHOLE)
    assert (told.n_different, told.first) == (0, None)
    assert told.n_rows > 10
    assert told.n_windows > 20
    assert list_lineages(engine, run.run_id) == []


def test_a_reach_that_is_too_short_is_told_with_the_first_row_that_differs(engine, run):
    told = compare_tilings(engine, run, neighbours("10 ns"), {}, *WHOLE)
    assert told.n_different > 10
    assert (told.first.t, told.first.uncut, told.first.cut) == (40, 1, 0)
    assert json.loads(told.first.row) == {"t": 40, "wire": 0}
    assert told.first.cuts[-1] == 40


def test_rows_that_count_from_the_first_of_a_window_are_found_out(engine, run):
    nth = """-- trigger: nth
-- reach: 0 ns
SELECT t, row_number() OVER (PARTITION BY wire ORDER BY t) AS n FROM (SELECT t, wire FROM hits)"""
    told = compare_tilings(engine, run, sql_trigger(nth), {}, *WHOLE)
    assert told.n_different > 10


def test_what_can_be_told_from_the_text_is_refused(engine, run):
    first = sql_trigger("-- trigger: first\n-- reach: 0 ns\nSELECT t FROM hits LIMIT 1")
    with pytest.raises(SqlError, match="LIMIT"):
        compare_tilings(engine, run, first, {}, *WHOLE)


def test_a_range_without_hits_has_no_differences(engine, run):
    told = compare_tilings(engine, run, PAIRS, {}, 10**6, 10**7)
    assert (told.n_rows, told.n_different) == (0, 0)

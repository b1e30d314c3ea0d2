"""Whether a trigger finds the same however its windows are cut."""

import json

import pytest
from neighbours import NUMBERED, neighbours, run_of_neighbours
from workbench import PAIRS

from db.errors import SqlError
from db.results.rows import list_lineages
from db.time import WHOLE
from software_triggers.running.tilings import compare_tilings
from software_triggers.trigger import sql_trigger


@pytest.fixture(scope="module")
def run(engine):
    return run_of_neighbours(engine)


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
    told = compare_tilings(engine, run, sql_trigger(NUMBERED), {}, *WHOLE)
    assert told.n_different > 10


def test_what_can_be_told_from_the_text_is_refused(engine, run):
    first = sql_trigger("-- trigger: first\n-- reach: 0 ns\nSELECT t FROM hits LIMIT 1")
    with pytest.raises(SqlError, match="LIMIT"):
        compare_tilings(engine, run, first, {}, *WHOLE)


def test_a_range_without_hits_has_no_differences(engine, run):
    told = compare_tilings(engine, run, PAIRS, {}, 10**6, 10**7)
    assert (told.n_rows, told.n_different) == (0, 0)

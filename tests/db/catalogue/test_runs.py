from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ticks import TOY

from db.catalogue.runs import (
    amend_run,
    check_name,
    close_run,
    find_run,
    list_runs,
    name_of_file,
    open_run,
)
from db.detector import loads
from db.errors import UsageError

pytestmark = pytest.mark.every_store  # its promises hold on servers, too

_names = (f"a run of its own {n}" for n in count())
CALIBRATED = (
    TOY.source
    + """
[constants]
speed = 1.0

[[calibration]]
from = 2026-03-01T00:00:00Z
to = 2026-06-01T00:00:00Z
constants = { speed = 2.0 }
"""
)


def test_a_run_is_found_as_it_was_opened(engine):
    name, at = next(_names), datetime(2026, 5, 4, 3, 2, 1, 123456, tzinfo=UTC)
    run = open_run(engine, TOY, name=name, cell=7, started_at=at, settings={"triggers": {"a": {}}})
    assert run.state == "open"
    assert find_run(engine, name) == run
    assert find_run(engine, run.run_id) == run
    assert find_run(engine, str(run.run_id)) == run
    assert find_run(engine) == run
    assert run.detector.fingerprint == TOY.fingerprint
    assert run.started_at == at
    assert run.settings == {"triggers": {"a": {}}}


def test_digits_are_a_number_or_where_there_is_none_a_name(engine):
    number = open_run(engine, TOY, cell=7)
    dated = open_run(engine, TOY, cell=7, name="420231005")
    twin = open_run(engine, TOY, cell=7, name=str(number.run_id))
    assert find_run(engine, "420231005") == dated
    assert find_run(engine, str(number.run_id)) == number
    assert find_run(engine, f"#{number.run_id}") == number
    assert find_run(engine, f"name:{number.run_id}") == twin
    for missing in ("#420231005", 420231005, "name:none of these", "99999999999999999999"):
        with pytest.raises(UsageError, match=f"there is no run {missing}; runs in this store"):
            find_run(engine, missing)


def test_runs_are_numbered_one_after_the_other(engine):
    first, second = open_run(engine, TOY, cell=1), open_run(engine, TOY, cell=1)
    assert second.run_id == first.run_id + 1
    assert [run.run_id for run in list_runs(engine)][-2:] == [first.run_id, second.run_id]
    assert second.name == f"run {second.run_id}"


def test_runs_that_are_opened_at_the_same_moment_have_numbers_of_their_own(engine):
    at = datetime(2026, 5, 4, tzinfo=UTC)
    with ThreadPoolExecutor(6) as threads:
        runs = list(threads.map(lambda _: open_run(engine, TOY, cell=1, started_at=at), range(24)))
    assert len({run.run_id for run in runs}) == len(runs)
    assert all(find_run(engine, run.run_id) == run for run in runs)


def test_the_newest_of_two_runs_of_one_name_is_meant(engine):
    name = next(_names)
    open_run(engine, TOY, name=name, cell=1)
    newer = open_run(engine, TOY, name=name, cell=2)
    assert find_run(engine, name) == newer


def test_the_last_revision_of_an_entry_counts(engine):
    run = open_run(engine, TOY, name=next(_names), cell=5)
    noted = amend_run(engine, run, note="x 'quoted' \\ y")
    at = run.started_at + timedelta(seconds=5)
    closed = close_run(engine, noted, at)
    found = find_run(engine, run.run_id)
    assert found == closed
    assert (found.state, found.stopped_at, found.note) == ("closed", at, "x 'quoted' \\ y")
    assert sum(each.run_id == run.run_id for each in list_runs(engine)) == 1


def test_a_run_keeps_the_declaration_and_the_calibration_of_its_start(engine):
    detector = loads(CALIBRATED)
    speeds = {}
    for month in (2, 4, 7):
        at = datetime(2026, month, 1, tzinfo=UTC)
        run = open_run(engine, detector, cell=1, started_at=at)
        speeds[month] = find_run(engine, run.run_id).detector.constants["speed"]
    assert speeds == {2: 1.0, 4: 2.0, 7: 1.0}


@pytest.mark.parametrize("which", [4_000_000_000, "no such run", "", "1e3", "it's", "-1"])
def test_a_run_that_is_not_there_is_told_with_those_that_are(engine, which):
    run = open_run(engine, TOY, cell=1)
    with pytest.raises(UsageError, match=str(run.run_id)):
        find_run(engine, which)


@pytest.mark.parametrize("which", [10**30, -1, "99999999999999999999", "\u00b2"])
def test_a_number_that_no_run_can_have_is_not_there_either(engine, which):
    open_run(engine, TOY, cell=1)
    with pytest.raises(UsageError, match="there is no run"):
        find_run(engine, which)


def test_numbers_do_not_wrap_around_to_other_runs(engine):
    run = open_run(engine, TOY, cell=1)
    with pytest.raises(UsageError, match="there is no run"):
        find_run(engine, run.run_id + 2**32)


ODD = ["\x1b[31mred", "two\nlines", "nul\x00", " spaced ", "\u202eright to left", "x" * 101]


@pytest.mark.parametrize("name", ODD)
def test_a_new_run_has_no_name_that_a_terminal_would_act_on(engine, name):
    before = len(list_runs(engine))
    with pytest.raises(UsageError, match="name") as told:
        open_run(engine, TOY, name=name, cell=7)
    assert str(told.value).isprintable()
    assert len(list_runs(engine)) == before


@pytest.mark.parametrize("name", ODD)
def test_a_run_of_such_a_name_from_before_is_found_and_goes_on(engine, name):
    old = amend_run(engine, open_run(engine, TOY, cell=7), name=name)
    assert find_run(engine, old.run_id).name == name
    if "\0" not in name:
        assert find_run(engine, name) == old
    assert close_run(engine, old).name == name


@pytest.mark.parametrize(
    "name", ["beam [/7]", "µ 2026/11 (cosmics)", "宇宙線", "a 'quoted' \\ one"]
)
def test_names_of_any_script_are_taken(engine, name):
    assert find_run(engine, open_run(engine, TOY, name=name, cell=7).name).name == name


@given(st.text(max_size=300))
def test_every_file_s_name_gives_a_name_for_a_run(file):
    check_name(name_of_file(file))
    assert name_of_file(file) or not file.strip()

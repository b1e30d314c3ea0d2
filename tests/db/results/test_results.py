from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lineages import CELL, COLUMNS, LATER, frame, new_lineage, point_to, run_ids

from db.results.rows import (
    attempt_sql,
    committed_sql,
    create_results,
    insert_rows,
    list_lineages,
    read_committed,
    sweep,
)

pytestmark = pytest.mark.every_store  # its promises hold on servers, too


found = st.tuples(
    st.integers(-45, 45),
    st.integers(0, 255),
    st.floats(allow_nan=False),
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=2),
    st.text("ab'\"\\\n\0é", max_size=3),
)


@settings(max_examples=25)
@given(
    st.lists(st.lists(found, max_size=6), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(-5, 4), st.integers(0, 3)), max_size=12),
    st.integers(-50, 50),
    st.integers(0, 60),
)
def test_committed_rows_are_those_of_the_attempts_that_count(engine, made, pointers, a, length):
    """Whatever was written, a range shows the rows of each cell's newest attempt, once."""
    lineage, b = new_lineage(engine), a + length
    for attempt, rows in enumerate(made):
        insert_rows(engine, lineage, CELL, attempt, frame(rows))
    for revision, (cell, attempt) in enumerate(pointers):
        point_to(engine, lineage, cell, attempt, revision)

    counts = dict(pointers)
    expected = [
        row
        for attempt, rows in enumerate(made)
        for row in rows
        if a <= row[0] < b and counts.get(row[0] // CELL) == attempt
    ]
    read = read_committed(engine, lineage, CELL, a, b)
    assert sorted(map(repr, read.rows())) == sorted(map(repr, expected))
    assert read["t"].is_sorted()
    assert read.columns == list(COLUMNS)

    sweep(engine, lineage.table, lineage.lineage, LATER)
    stored = engine.fetch(
        f"SELECT count() AS n FROM {lineage.table} WHERE run_id = {lineage.run_id}"
    )
    kept = [r for k, rows in enumerate(made) for r in rows if counts.get(r[0] // CELL) == k]
    assert stored["n"][0].as_py() == len(kept)
    again = read_committed(engine, lineage, CELL, a, b)
    assert sorted(map(repr, again.rows())) == sorted(map(repr, expected))


@settings(max_examples=15)
@given(st.lists(found, max_size=8), st.lists(found, max_size=8), st.integers(-60, 60))
def test_rows_of_an_attempt_can_be_read_before_it_counts(engine, rows, others, a):
    lineage = new_lineage(engine)
    insert_rows(engine, lineage, CELL, 1, frame(rows))
    insert_rows(engine, lineage, CELL, 2, frame(others))
    b = a + 25
    sql = attempt_sql(lineage, 1, range(a // CELL, -(-b // CELL)), a, b)
    stored = pl.DataFrame(pl.from_arrow(engine.fetch(sql)))
    expected = [row for row in rows if a <= row[0] < b]
    assert sorted(map(repr, stored.rows())) == sorted(map(repr, frame(expected).rows()))


def test_runs_and_lineages_keep_apart_in_one_table(engine):
    here = new_lineage(engine)
    there = new_lineage(engine, lineage=here.lineage)
    assert here.table == there.table
    insert_rows(engine, here, CELL, 1, frame([(5, 1, 0.0, [], "here")]))
    insert_rows(engine, there, CELL, 1, frame([(5, 2, 0.0, [], "there")]))
    point_to(engine, here, 0, 1)
    assert read_committed(engine, here, CELL, 0, 10)["name"].to_list() == ["here"]
    assert read_committed(engine, there, CELL, 0, 10).is_empty()
    sweep(engine, there.table, there.lineage, LATER)
    assert read_committed(engine, here, CELL, 0, 10)["name"].to_list() == ["here"]


def test_rows_of_an_attempt_under_way_are_left_alone(engine):
    lineage = new_lineage(engine)
    insert_rows(engine, lineage, CELL, 1, frame([(5, 1, 0.0, [], "here")]))
    yesterday = datetime.now(UTC) - timedelta(days=1)
    assert sweep(engine, lineage.table, lineage.lineage, yesterday) == 0
    point_to(engine, lineage, 0, 1)
    assert read_committed(engine, lineage, CELL, 0, 10)["name"].to_list() == ["here"]
    insert_rows(engine, lineage, CELL, 2, frame([(5, 1, 0.0, [], "killed")] * 3))
    assert sweep(engine, lineage.table, lineage.lineage, LATER) == 3
    assert sweep(engine, lineage.table, lineage.lineage, LATER) == 0
    assert read_committed(engine, lineage, CELL, 0, 10)["name"].to_list() == ["here"]


def test_a_lineage_is_found_as_it_was_entered_the_newest_first(engine):
    run = next(run_ids)
    older = new_lineage(engine, run)
    newer = new_lineage(engine, run)
    other = new_lineage(engine, run, name="other")
    create_results(engine, older)  # again: nothing changes
    assert list_lineages(engine, run) == [other, newer, older]
    assert list_lineages(engine, run, "found") == [newer, older]
    assert list_lineages(engine, run, "none") == []


def test_nothing_found_is_nothing_stored(engine):
    lineage = new_lineage(engine)
    insert_rows(engine, lineage, CELL, 1, frame([]))
    assert engine.fetch(attempt_sql(lineage, 1, range(-5, 5), -50, 50)).num_rows == 0
    assert read_committed(engine, lineage, CELL, -50, 50).columns == list(COLUMNS)


@pytest.mark.parametrize(("a", "b"), [(0, 10), (-10, 0), (-15, 25), (3, 3)])
def test_the_select_of_committed_rows_takes_half_open_ranges(engine, a, b):
    lineage = new_lineage(engine, columns={"t": "Int64"})
    insert_rows(engine, lineage, CELL, 1, pl.DataFrame({"t": range(-40, 40)}))
    for cell in range(-4, 4):
        point_to(engine, lineage, cell, 1)
    sql = committed_sql(lineage, CELL, f"toInt64({a})", f"toInt64({b})")
    assert sorted(engine.fetch(sql)["t"].to_pylist()) == list(range(a, b))


def test_a_clock_that_is_set_back_makes_no_old_lineage_the_newest(engine):
    run = next(run_ids)
    old = new_lineage(engine, run, params={"within": 10})
    # As if the clock had been a day ahead when it was entered.
    for shard in engine.shards:
        shard.here.execute(
            "ALTER TABLE lineages UPDATE first_used = now64(6) + toIntervalDay(1)"
            f" WHERE run_id = {run} SETTINGS mutations_sync = 1"
        )
    newer = new_lineage(engine, run, params={"within": 20})
    assert [each.lineage for each in list_lineages(engine, run)] == [newer.lineage, old.lineage]
    create_results(engine, old)  # asked for again: it stays where it was
    newest = new_lineage(engine, run, params={"within": 30})
    assert list_lineages(engine, run)[0].lineage == newest.lineage

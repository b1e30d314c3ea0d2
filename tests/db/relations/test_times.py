from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.catalogue.runs import planned_run
from db.detector import loads
from db.relations.query import columns_of
from db.relations.times import UNDATED, with_times
from db.user_sql.confine import UserSelect

pytestmark = pytest.mark.every_store  # SQL that servers must understand alike

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TICKS = ["1", "25", "1/16", "25/30", "1000000", "0.001"]
STARTS = st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1))  # noqa: DTZ001


def run_of(tick="1", started=EPOCH, **told):
    declared = f"""
        name = "counter"
        title = "One channel"
        fields.time = {{ bits = [0, 60] }}
        clock = {{ tick_ns = "{tick}", time = "time", disorder = 0, slice = 16 }}
    """
    return replace(planned_run(loads(declared), 100, told), started_at=started)


def answer(engine, sql, run):
    query = UserSelect(sql, frozenset(), None)
    return engine.fetch(with_times(query, columns_of(engine, sql), run).text)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(-(2**62), 2**62) | st.integers(0, 10**15), min_size=1, max_size=20),
    st.sampled_from(TICKS),
    STARTS,
)
def test_seconds_and_dates_are_those_of_the_ticks(engine, times, tick, start):
    start = start.replace(tzinfo=UTC)
    listed = f"SELECT arrayJoin([{', '.join(f'toInt64({t})' for t in times)}]) AS t, 7 AS x"
    found = answer(engine, listed, run_of(tick, start))
    assert found.column_names == ["t", "t_s", "utc", "x"]
    assert found["t"].to_pylist() == sorted(times)
    started_ns = (start - EPOCH) // timedelta(microseconds=1) * 1000
    dates = found["utc"].cast("int64").to_pylist()
    for t, t_s, ns in zip(sorted(times), found["t_s"].to_pylist(), dates, strict=True):
        exact = t * Fraction(tick)
        assert t_s == pytest.approx(float(exact / 10**9), rel=1e-15)
        whole = started_ns + (int(exact) if exact >= 0 else -int(-exact))
        assert ns == (whole if 0 <= whole < 2**63 else None)


def test_a_run_that_nobody_dated_has_no_dates(engine):
    found = answer(engine, "SELECT toInt64(8) AS t", run_of(**{UNDATED: True}))
    assert found.to_pylist() == [{"t": 8, "t_s": 8e-9}]


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("SELECT 1 AS n", ["n"]),
        ("SELECT 1.5 AS t", ["t"]),
        ("SELECT 'one' AS t", ["t"]),
        ("SELECT toInt64(1) AS t, 2 AS utc", ["t", "t_s", "utc"]),
        ("SELECT toUInt32(1) AS a, CAST(1, 'Nullable(Int64)') AS t", ["a", "t", "t_s", "utc"]),
        ("SELECT 1 AS t, 2 AS `a``b`", ["t", "a`b"]),
    ],
)
def test_only_whole_numbers_called_t_have_them(engine, sql, columns):
    assert answer(engine, sql, run_of()).column_names == columns


@pytest.mark.parametrize(
    ("sql", "order"),
    [
        ("SELECT number AS t FROM numbers(4) ORDER BY t DESC", [3, 2, 1, 0]),
        ("(SELECT number AS t FROM numbers(4) ORDER BY t DESC)", [3, 2, 1, 0]),
        ("SELECT t FROM (SELECT number AS t FROM numbers(4) ORDER BY t DESC)", [0, 1, 2, 3]),
        (
            "SELECT number AS t, row_number() OVER (ORDER BY number DESC) AS n FROM numbers(4)",
            [0, 1, 2, 3],
        ),
        ("SELECT arrayJoin([5, 3]) AS t", [3, 5]),
    ],
)
def test_rows_come_in_order_of_time_unless_another_is_asked_for(engine, sql, order):
    assert answer(engine, sql, run_of())["t"].to_pylist() == order

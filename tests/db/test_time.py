from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.errors import UsageError
from db.time import duration_ticks, parse_duration, parse_moment, ticks

TICK = Fraction(25, 30)
START = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
NS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "min": 60 * 10**9, "h": 3600 * 10**9}
TICK_LENGTHS = st.fractions(Fraction(1, 1000), 1000, max_denominator=10**6)


@given(
    st.integers(0, 10**12), st.integers(0, 9), st.sampled_from([*NS]), st.sampled_from(["", " "])
)
def test_durations_are_exact(number, places, unit, space):
    text = f"{number // 10**places}.{number % 10**places:0{places}}" if places else str(number)
    assert parse_duration(f"{text}{space}{unit}") == Fraction(number, 10**places) * NS[unit]


@given(st.integers(0, 10**15), TICK_LENGTHS)
def test_ticks_of_a_duration_are_the_fewest_that_cover_it(ns, tick):
    n = duration_ticks(f"{ns} ns", tick)
    assert n * tick >= ns
    assert (n - 1) * tick < ns


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (12, 12),
        ("12", 12),
        (" 3 * 4 ", 12),
        ("2**32 * 3564 * 30", 2**32 * 3564 * 30),
        ("2 ** 3*2**0", 8),
        ("100 ms", 120_000_000),
        ("1 ns", 2),
        ("25 ns", 30),
    ],
)
def test_ticks_are_written_as_number_product_or_duration(value, expected):
    assert ticks(value, TICK) == expected


@pytest.mark.parametrize(
    "text", ["", "10", "ms", "1 fortnight", "1,5 s", "1e3 s", "1 s 2 ms", "٣ s"]
)
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(UsageError, match="duration"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["2*", "*2", "2**", "2***3", "2**3**4", "1 2", "-3", "2**100"])
def test_what_is_no_product_is_refused(text):
    with pytest.raises(UsageError, match="write a number and a unit"):
        ticks(text, TICK)


def test_a_negative_duration_is_refused():
    with pytest.raises(UsageError, match="drop the minus"):
        parse_duration("-1 s")


@pytest.mark.parametrize(("unit", "near"), [("sec", "s"), ("nss", "ns"), ("MS", "units are ns")])
def test_an_unknown_unit_is_answered_with_a_near_one(unit, near):
    with pytest.raises(UsageError, match=near):
        parse_duration(f"1 {unit}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (7, 7),
        (-7, -7),
        ("123456", 123456),
        (" -5 ", -5),
        ("12.5s", 15 * 10**9),
        ("3 ms", 3_600_000),
        ("-1 ns", -1),
        ("1 ns", 2),
        ("2026-11-21T09:00:00Z", 0),
        ("2026-11-21T10:00:00Z", 3600 * 12 * 10**8),
        ("2026-11-21 10:30:00+01:30", 0),
        ("2026-11-21T09:00:00.000000025Z", 30),
        ("2026-11-21T09:00:00,5Z", 6 * 10**8),
        ("2026-11-21T08:59:59.999999975Z", -30),
    ],
)
def test_moments_are_ticks_since_the_start(text, expected):
    assert parse_moment(text, TICK, START) == expected


@given(st.integers(0, 10**9), st.integers(1, 10**6), TICK_LENGTHS)
def test_a_range_of_moments_holds_the_ticks_that_begin_in_it(a, length, tick):
    b = a + length
    first, last = (parse_moment(f"{ns} ns", tick) for ns in (a, b))
    assert a <= first * tick < a + tick
    assert b <= last * tick < b + tick


@given(st.timedeltas(timedelta(-1000), timedelta(1000)), st.integers(-12, 12))
def test_dates_count_from_the_start_whatever_their_zone(since, hours):
    when = (START + since).astimezone(timezone(timedelta(hours=hours)))
    us = since // timedelta(microseconds=1)
    assert parse_moment(when.isoformat(), Fraction(1000), START) == us


def test_a_date_needs_the_start_of_the_run():
    with pytest.raises(UsageError, match="needs the run's start"):
        parse_moment("2026-11-21T10:00:00Z", TICK)


def test_a_date_needs_its_zone():
    with pytest.raises(UsageError, match="Add Z for UTC: '2026-11-21T10:00:00Z'"):
        parse_moment("2026-11-21T10:00:00", TICK, START)


@pytest.mark.parametrize("text", ["", "noon", "2026-13-01T00:00:00Z", "1.5", "12:00"])
def test_what_is_no_moment_is_refused(text):
    with pytest.raises(UsageError, match="write ticks"):
        parse_moment(text, TICK, START)

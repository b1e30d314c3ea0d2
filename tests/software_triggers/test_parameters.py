"""Values of parameters: in the type of their parameter, or refused in one line."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.errors import TriggerError
from software_triggers.registry import known_triggers
from software_triggers.trigger import sql_trigger, trigger


@trigger(reach="within")
def tried(
    hits,
    mode: str = "3d",
    strict: bool = False,
    least: int = 2,
    share: float = 0.5,
    within: int | str = "25 ns",
):
    return hits


BITS = {f"{sign}Int{bits}": (sign, bits) for sign in ("", "U") for bits in (8, 16, 32, 64)}


def sql_with(kind, default):
    return sql_trigger(
        f"-- trigger: x\n-- reach: 0 ns\n-- params: p {kind} = {default}\n"
        f"SELECT t FROM hits WHERE t > {{p:{kind}}}"
    )


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("mode", "3d", "3d"),
        ("mode", "2 s", "2 s"),
        ("strict", "on", True),
        ("strict", "off", False),
        ("strict", " True ", True),
        ("strict", 1, True),
        ("strict", False, False),
        ("least", "7", 7),
        ("least", 7.0, 7),
        ("least", "-7", -7),
        ("share", "1e-3", 1e-3),
        ("share", "inf", float("inf")),
        ("within", "1 us", "1 us"),
        ("within", "40", 40),
    ],
)
def test_a_value_comes_in_the_type_of_its_parameter(name, value, expected):
    found = tried.given({name: value})[name]
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("mode", 3, "mode = 3 is no text"),
        ("strict", "enabled", "neither true nor false"),
        ("strict", None, "neither true nor false"),
        ("strict", "2", "neither true nor false"),
        ("least", "3d", "least = '3d' is no whole number: only times take units"),
        ("least", 2.5, "no whole number"),
        ("least", True, "no whole number"),
        ("least", None, "no whole number"),
        ("least", 2**63, "the range of Int64"),
        ("share", "25 ns", "no number: only times take units"),
        ("share", "nan", "no number"),
        ("share", True, "no number"),
        ("within", "-1 us", "not negative"),
        ("within", -5, "not negative"),
        ("within", "far", "no duration"),
        ("within", 2.5, "no duration"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(name, value, told):
    with pytest.raises(TriggerError, match="^trigger tried: ") as fault:
        tried.given({name: value})
    assert told in str(fault.value)


def test_only_times_come_in_ticks():
    told = tried.in_ticks(tried.given({}), Fraction(1))
    assert told["mode"] == "3d"
    assert told["within"] == 25


@given(st.sampled_from(sorted(BITS)), st.integers(-(2**65), 2**65))
def test_whole_numbers_are_kept_or_refused_and_never_wrap(kind, number):
    sign, bits = BITS[kind]
    if 0 <= number < 2**bits if sign else -(2 ** (bits - 1)) <= number < 2 ** (bits - 1):
        assert sql_with(kind, 0).given({"p": str(number)}) == {"p": number}
        assert sql_with(kind, number).params == {"p": number}
        return
    with pytest.raises(TriggerError, match=f"the range of {kind}"):
        sql_with(kind, 0).given({"p": number})
    with pytest.raises(TriggerError, match=f"the range of {kind}"):
        sql_with(kind, number)


def test_a_time_that_its_type_cannot_hold_is_refused():
    narrow = sql_with("UInt16", "10 ns")
    assert narrow.in_ticks({"p": "65535 ns"}, Fraction(1)) == {"p": 65535}
    with pytest.raises(TriggerError, match="1 ms is 1000000 ticks, not in 0 to 65535"):
        narrow.in_ticks({"p": "1 ms"}, Fraction(1))


def test_drift_times_that_would_wrap_are_refused():
    clusters = known_triggers()["segment_clusters_sql"]
    tick = Fraction(25, 30)
    with pytest.raises(TriggerError, match="50 us is 60000 ticks"):
        clusters.in_ticks(clusters.given({"after": "50 us"}), tick)
    assert clusters.in_ticks(clusters.given({"after": "20 us"}), tick)["after"] == 24000


def test_no_parameter_shortens_a_reach():
    near = sql_trigger(
        "-- trigger: x\n-- reach: 1 us + n\n-- params: n Int64 = 3\n"
        "SELECT t + {n:Int64} AS t FROM hits"
    )
    with pytest.raises(TriggerError, match="n = -3 would shorten its reach"):
        near.reach_ticks(near.given({"n": -3}), Fraction(1))

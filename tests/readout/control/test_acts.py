"""What follows from orders alone: the acts of triggers that hold, and those that come next."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ticks import TOY

from db.catalogue.orders import OrderEntry
from db.catalogue.runs import planned_run
from db.errors import UsageError
from readout.control.configuration import Configuration, Prescale
from readout.control.feedback import (
    WHO,
    Act,
    Limits,
    check_feedback,
    configuration_with,
    in_force,
    next_acts,
    plain,
    wanted,
)

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
NOISY = ("wire == 5", 0)


def at(seconds):
    return BEGIN + timedelta(seconds=seconds)


def order(seconds, who, *masks, kind="configure", state="acknowledged", prescales=(), tick=0):
    plain = Configuration(masks, prescales=prescales).plain()
    told = {"configuration": plain if kind == "configure" else None, "readouts": ["one"]}
    answers = {"one": {"done": True, "tick": tick}}
    return OrderEntry(f"{seconds}", kind, 1, who, at(seconds), state, told, answers)


def newest_first(*orders):
    return list(reversed(orders))


def test_a_person_configures_and_triggers_add():
    told = newest_first(
        order(0, "ann", kind="start"),
        order(1, "ann", "wire == 1"),
        order(2, f"{WHO}loud", "wire == 1", "wire == 5"),
        order(3, f"{WHO}busy", "wire == 1", "wire == 5", prescales=(Prescale("wire == 7", 10),)),
        order(4, f"{WHO}busy", "wire == 1", state="failed"),
    )
    now = in_force(told)
    assert now.base == Configuration(("wire == 1",))
    assert now.acts == {NOISY: Act("loud", at(2)), ("wire == 7", 10): Act("busy", at(3))}
    assert configuration_with(now.base, now.acts) == Configuration(
        ("wire == 1", "wire == 5"), prescales=(Prescale("wire == 7", 10),)
    )


def test_a_persons_order_replaces_what_triggers_did_and_they_need_a_later_reason():
    told = newest_first(
        order(0, "ann", kind="start"),
        order(1, f"{WHO}loud", "wire == 5", tick=100),
        order(2, "ann", tick=900),
    )
    now = in_force(told)
    assert (now.acts, now.lifted) == ({}, {NOISY: 900})
    rows = pl.DataFrame({"wire": [5], "first": [1], "last": [899]})
    assert wanted(rows, Limits(("wire",)), now.lifted) == []
    assert wanted(rows.with_columns(last=900), Limits(("wire",)), now.lifted) == [NOISY]


def test_rows_name_what_they_act_on():
    rows = pl.DataFrame(
        {"wire": [6, 5, None], "fpga": [1, 0, 1], "keep_1_in": [9, 0, 0], "last": [1, 3, 4]}
    )
    assert wanted(rows, Limits(("fpga", "wire")), {}) == [
        ("fpga == 1 and wire == 6", 9),
        ("fpga == 0 and wire == 5", 0),
    ]


def test_an_act_ends_after_its_time_and_when_its_trigger_may_no_more():
    now = in_force([order(10, f"{WHO}loud", "wire == 5")])
    limits = {"loud": Limits(("wire",), for_s=60)}
    assert next_acts(now, {}, limits, at(69.9)) == now.acts
    assert next_acts(now, {}, limits, at(70)) == {}
    assert next_acts(now, {}, {}, at(11)) == {}


def run_of(column):
    return planned_run(TOY, 100, {"feedback": plain({"loud": Limits((column,))})})


rules = st.tuples(st.sampled_from([f"wire == {k}" for k in range(6)]), st.sampled_from([0, 0, 10]))


@given(
    st.lists(rules, max_size=12),
    st.lists(rules, max_size=12),
    st.lists(st.tuples(st.integers(0, 90), rules), max_size=8),
    st.integers(1, 4),
    st.integers(0, 100),
)
def test_there_are_never_more_than_the_limits_allow_and_none_is_cut_short(
    loud, busy, before, most, seconds
):
    held = {rule: Act("loud", at(min(began, seconds))) for began, rule in before[:most]}
    now = in_force([])
    now = type(now)(now.base, held, {})
    limits = {"loud": Limits(("wire",), most, 30), "busy": Limits(("wire",), 2, 30)}
    acts = next_acts(now, {"loud": loud, "busy": busy}, limits, at(seconds))
    for name, each in limits.items():
        assert sum(act.trigger == name for act in acts.values()) <= each.most
    for rule, act in held.items():
        assert acts.get(rule) == (act if at(seconds) < act.since + timedelta(seconds=30) else None)
    asked = dict.fromkeys([*loud, *busy])
    assert {rule for rule in acts if rule not in held} <= asked.keys()
    if len(held) < most and loud and loud[0] not in held:
        assert loud[0] in acts


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        (lambda: Limits(()), "columns"),
        (lambda: Limits(("wire",), 0), "1 to 64 channels"),
        (lambda: Limits(("wire",), 8, float("nan")), "1 s to a day"),
        (lambda: check_feedback(run_of("wire"), {"tracks": ["t"]}), "name it, too"),
        (lambda: check_feedback(run_of("wyre"), {"loud": ["wyre"]}), "a hit has no wyre"),
        (lambda: check_feedback(run_of("wire"), {"loud": ["t"]}), "a row of it has no wire"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong, line):
    with pytest.raises(UsageError, match=line):
        wrong()

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.slots import BusyError, Slots


def slots(total):
    return Slots(total, "too many of these", 3)


@given(st.integers(1, 40), st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans())))
def test_nobody_takes_a_place_who_would_then_hold_more_than_are_left(total, asked):
    here, held = slots(total), []
    for client, gives in asked:
        own = Counter(name for name, _ in held)[client]
        if gives and own:
            mine = next(each for each in held if each[0] == client)
            held.remove(mine)
            mine[1].__exit__(None, None, None)
            continue
        place = here.place(client)
        if own < total - len(held):
            place.__enter__()
            held.append((client, place))
        else:
            with pytest.raises(BusyError, match="too many of these: come again"):
                place.__enter__()
        assert here.taken == len(held) <= total


@given(st.integers(4, 40))
def test_two_clients_that_take_all_they_can_leave_a_place_for_a_third(total):
    here = slots(total)
    for greedy in ("a", "b"):
        for _ in range(total):
            try:
                here.place(greedy).__enter__()
            except BusyError:
                break
    with here.place("c"):
        pass


def test_a_place_is_given_back_when_its_work_fails():
    here = slots(1)
    with pytest.raises(ValueError), here.place("a"):
        raise ValueError
    with here.place("b"), pytest.raises(BusyError) as told, here.place("a"):
        pass
    assert told.value.again_s == 3

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy import CORRUPT, HIT, SEGMENT, TOY, UNTIMED, toy_words

from db.detector import decode, load
from db.errors import SelectionError, UsageError
from readout.control.configuration import Configuration, Prescale, configuration_of
from readout.control.rules import Rule, Rules, keeping
from readout.simulator.noise import noise

KINDS = st.lists(st.sampled_from([HIT, HIT, HIT, CORRUPT, SEGMENT, UNTIMED]), max_size=300)


def kept(rules, words, t):
    out = np.zeros(len(words), bool)
    for _, which in rules.removed(words, t):
        assert not (out & which).any()  # by one rule at most
        out |= which
    return ~out


def some(kinds):
    return toy_words(range(len(kinds)), kinds), np.arange(len(kinds)) * 7


def test_only_sound_hits_that_the_selection_does_not_take_are_removed() -> None:
    words, t = some([HIT, HIT, CORRUPT, SEGMENT, UNTIMED, HIT])
    keep = kept(keeping(TOY, "number in (0, 1, 9)"), words, t)
    assert keep.tolist() == [True, True, True, True, True, False]


def test_the_first_rule_that_removes_a_hit_is_booked() -> None:
    words, t = some([HIT] * 6)
    configuration = Configuration(("number < 2",), "number < 4", (Prescale("number < 5", 2**31),))
    found = Rules(TOY, configuration).removed(words, t)
    assert [(rule.cause, np.flatnonzero(out).tolist()) for rule, out in found] == [
        ("mask", [0, 1]),
        ("prefilter", [4, 5]),
        ("prescale", [2, 3]),
    ]
    assert found[2][0] == Rule("prescale", "1 in 2147483648 of number < 5")


@given(KINDS, st.integers(1, 20), st.lists(st.integers(0, 300), max_size=5))
def test_a_prescale_keeps_the_same_hits_however_they_come(kinds, keep_1_in, cuts) -> None:
    words, t = some(kinds)
    rules = Rules(TOY, Configuration(prescales=(Prescale("number % 2 == 0", keep_1_in),)))
    whole = kept(rules, words, t)
    pieces = [
        kept(rules, *each)
        for each in zip(np.split(words, sorted(cuts)), np.split(t, sorted(cuts)), strict=True)
    ]
    assert np.array_equal(whole, np.concatenate(pieces))
    untouched = [n % 2 == 1 or kind != HIT for n, kind in enumerate(kinds)]
    assert whole[untouched].all()
    assert keep_1_in > 1 or whole.all()


@pytest.mark.parametrize("keep_1_in", [2, 3, 10, 100])
@pytest.mark.parametrize("period", [1, 4096, 40_960])
def test_a_prescale_keeps_its_share_of_a_pulser_too(keep_1_in, period) -> None:
    n = 100_000
    words = np.zeros(n, np.uint64)  # the same word, turn after turn of the counter
    rules = Rules(TOY, Configuration(prescales=(Prescale("True", keep_1_in),)))
    share = kept(rules, words, np.arange(n) * period).sum()
    expected = n / keep_1_in
    assert abs(share - expected) < 5 * np.sqrt(expected)


def test_what_makes_no_sense_is_refused_when_it_is_made() -> None:
    with pytest.raises(SelectionError, match="number"):
        keeping(TOY, "numbr > 3")
    with pytest.raises(SelectionError, match="can't select by time"):
        keeping(TOY, "number > 3 and t > 100")
    with pytest.raises(UsageError, match="one in 1 to"):
        Prescale("kind == 0", 0)
    with pytest.raises(UsageError, match="join some"):
        Configuration(masks=("kind == 0",) * 101)


def test_a_configuration_comes_back_from_json() -> None:
    whole = Configuration(("kind == 1",), "number > 3", (Prescale("number < 5", 7),))
    assert configuration_of(whole.plain()) == whole
    assert configuration_of({}) == Configuration()


def test_a_rule_may_name_the_channel_though_no_column_is_called_so() -> None:
    detector = load("drift_tubes_v2")
    assert "channel" not in detector.column_names
    made = noise(detector, 1, 0, 3_000_000, 1e6)
    words = made.words.ravel()
    channel = decode(detector, words, columns=("channel",))["channel"]
    (_, removed), *_ = Rules(detector, Configuration(("channel == 520",))).removed(words, made.t)
    assert removed.tolist() == (channel == 520).tolist()
    assert removed.any()

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from toy import CORRUPT, DISORDER, HIT, NO_WRAP, SEGMENT, SLICE, TOY, UNTIMED, WRAP, toy_words

from db.detector import load
from readout.link.unwrap import Anomaly, Unwrapper, run_start
from readout.link.wraps import longest_silence, tell_of_wraps

ORIGIN = 1000


def follow(clock, times, sound=None):
    times = np.array(times, np.int64)
    sound = np.ones(len(times), bool) if sound is None else np.array(sound)
    return clock.follow(times, sound)


@st.composite
def streams(draw):
    """Times since the run's start, in order of arrival: none is later than the disorder allows."""
    newest, times = 0, []
    for _ in range(draw(st.integers(1, 200))):
        late = draw(st.integers(0, DISORDER))
        newest += 0 if late else draw(st.integers(0, 500))
        times.append(newest - late)
    return times


@given(streams(), st.lists(st.integers(0, 200), max_size=5))
def test_times_are_right_across_wraps_however_the_words_are_split(times, cuts):
    told = []
    clock = Unwrapper(TOY, 0, ORIGIN, report=told.append)
    unwrapped = []
    for part in np.split(np.array(times), sorted(min(cut, len(times)) for cut in cuts)):
        own = (part + ORIGIN) % WRAP
        t, epochs = follow(clock, own)
        assert (own + epochs == t).all()
        unwrapped += t.tolist()
    assert unwrapped == times
    assert told == []
    clock.settle()
    assert clock.newest == max([*times, 0])
    assert clock.epoch == (clock.newest + ORIGIN) // WRAP * WRAP - ORIGIN


@given(streams(), st.data())
def test_a_single_wild_word_changes_no_other_time(times, data):
    at = data.draw(st.integers(0, len(times)))
    wild = data.draw(st.integers(0, WRAP - 1))
    clock, calm = Unwrapper(TOY, 0, ORIGIN), Unwrapper(TOY, 0, ORIGIN)
    own = (np.array(times) + ORIGIN) % WRAP
    calm_t, _ = follow(calm, own)
    t, _ = follow(clock, np.insert(own, at, wild))
    assert np.delete(t, at).tolist() == calm_t.tolist()
    assert (t[at] + ORIGIN - wild) % WRAP == 0


@given(streams(), st.data())
def test_words_that_are_not_sound_change_nothing_and_take_the_clocks_time(times, data):
    n = len(times)
    sound = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    clock, calm = Unwrapper(TOY, 0, ORIGIN), Unwrapper(TOY, 0, ORIGIN)
    own = (np.array(times) + ORIGIN) % WRAP
    trace = np.empty(n, np.int64)
    t, epochs = clock.follow(np.where(sound, own, 77), sound, clock=trace)
    calm_t, _ = follow(calm, own[sound])
    assert t[sound].tolist() == calm_t.tolist()
    assert clock.newest == calm.newest
    assert t[~sound].tolist() == trace[~sound].tolist()
    assert (epochs == (trace + ORIGIN) // WRAP * WRAP - ORIGIN)[~sound].all()


def test_a_jump_ahead_is_believed_after_two_words_that_agree():
    clock = Unwrapper(NO_WRAP, 0, 0)
    follow(clock, [10, 5000, 5010])
    assert clock.newest == 10
    follow(clock, [5020])
    assert clock.newest == 5020
    follow(clock, [9000, 9001, 12_000_000])
    assert clock.newest == 9001


def test_sparse_words_carry_the_clock_one_word_behind():
    clock = Unwrapper(NO_WRAP, 0, 0)
    follow(clock, range(0, 10_000, 1000))
    assert clock.newest == 8000
    clock.settle()
    assert clock.newest == 9000


def test_words_far_ahead_that_nothing_follows_are_reported_and_never_believed():
    told = []
    clock = Unwrapper(NO_WRAP, 3, 1000, report=told.append)
    follow(clock, [1010, 1020])
    follow(clock, [2_000_001_000, 1030, 1040, 3000, 1050])
    assert clock.newest == 50
    assert told == [Anomaly(3, "clock jumped ahead", 2_000_000_000, told[0].detail)]
    assert told[0].detail == "by up to 2 s in 2 words from word 2 on"


def test_a_clock_that_jumps_back_is_reported_and_its_words_keep_their_times():
    told = []
    clock = Unwrapper(NO_WRAP, 3, 0, newest=4_000_000_000, report=told.append)
    t, _ = follow(clock, [4_000_000_100, 800_000_100, 800_000_200])
    assert t.tolist() == [4_000_000_100, 800_000_100, 800_000_200]
    assert clock.newest == 4_000_000_100
    assert told == [Anomaly(3, "clock jumped back", 800_000_100, told[0].detail)]
    assert told[0].detail == "by up to 3.2 s in 2 words from word 1 on"


def test_the_greatest_disorder_allowed_is_not_reported():
    told = []
    clock = Unwrapper(NO_WRAP, 0, 1000, report=told.append)
    follow(clock, [1000 + DISORDER, 1000])
    assert told == []
    follow(clock, [999])
    assert len(told) == 1


def test_a_silent_links_clock_can_be_advanced_past_a_wrap():
    clock = Unwrapper(TOY, 0, 0)
    clock.advance(3 * WRAP + 100)
    t, epochs = follow(clock, [90])
    assert t.tolist() == [3 * WRAP + 90]
    assert epochs.tolist() == [3 * WRAP]
    clock.advance(5)
    assert clock.newest == 3 * WRAP + 100


def test_links_whose_first_words_lie_on_either_side_of_a_wrap_agree():
    origin = WRAP - 10
    before, _ = follow(Unwrapper(TOY, 0, origin), [WRAP - 5])
    behind, _ = follow(Unwrapper(TOY, 1, origin), [5])
    assert behind[0] - before[0] == 10


@pytest.mark.parametrize(
    ("times", "start"),
    [
        ([3000], 2500),
        ([3000, 3010, 2990, 5, 6], 2500),
        ([3000, 1, 3002], 2502),
        ([1, 3000, 3002], 2502),
        ([WRAP - 10, 5, 8], WRAP + 5 - 500),
        ([], 0),
    ],
)
def test_a_run_starts_a_slice_before_its_first_words(times, start) -> None:
    assert (run_start(TOY, toy_words(times)) - start) % WRAP == 0


def test_a_run_does_not_start_with_words_that_are_not_sound() -> None:
    words = toy_words([1, 2, 3, 2000, 2001, 2002], [CORRUPT, UNTIMED, CORRUPT, HIT, SEGMENT, HIT])
    assert run_start(TOY, words) == 2001 - SLICE


@given(st.integers(1, WRAP))
def test_a_silence_of_more_than_half_a_wrap_is_reported_and_no_shorter_one(silence):
    """However long it is, if the words behind it come soon."""
    told = []
    clock = Unwrapper(TOY, 3, 0, report=told.append)
    behind = 100 + silence + np.array([0, 1, 2])
    follow(clock, [100, *(behind % WRAP)])
    if DISORDER < silence < WRAP - WRAP // 8 - 3:
        assert clock.newest == behind[-1]
        assert [each.cause for each in told] == ["silence near a wrap"] * (2 * (silence + 1) > WRAP)
        assert all(each.at == behind[1] for each in told)


def test_a_silence_longer_than_the_limit_comes_out_early_by_whole_wraps():
    clock = Unwrapper(TOY, 0, 0)
    limit = longest_silence(TOY)
    assert limit == WRAP * 7 // 8
    t, _ = follow(clock, [0, (limit - 3) % WRAP, (limit - 2) % WRAP, (limit - 1) % WRAP])
    assert t.tolist() == [0, limit - 3, limit - 2, limit - 1]
    later = clock.newest + limit
    t, _ = follow(clock, [later % WRAP])
    assert t.tolist() == [later - WRAP]
    assert longest_silence(NO_WRAP) is None


def test_a_run_is_told_how_long_a_link_may_be_silent_if_its_counter_wraps_soon():
    with structlog.testing.capture_logs() as logs:
        tell_of_wraps(CHIP)
        tell_of_wraps(NO_WRAP)
        tell_of_wraps(load("drift_tubes_v2"))  # 4.4 days
    (told,) = logs
    assert (told["wraps_after_s"], told["longest_silence_s"]) == (26.843546, 23.488102)


# The counter of a Timepix3 chip wraps after 26.84 s.
CHIP = replace(TOY, tick=Fraction(25, 16), wrap=2**34, disorder=10**6)
SECOND = round(10**9 / CHIP.tick)


@given(st.integers(0, 2**34 - 1), st.floats(-3, 23))
def test_two_words_of_a_short_counter_come_out_in_the_order_in_which_they_came(origin, seconds):
    later = round(seconds * SECOND)
    clock = Unwrapper(CHIP, 0, origin)
    t, _ = follow(clock, [origin, (origin + later) % 2**34])
    assert t.tolist() == [0, later]

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.detector import Detector, available, decode, load, loads
from db.errors import DeclarationError, UsageError
from readout.simulator.stamp import Clock, clock_of, pack, spoil, stamp

DETECTORS = {name: load(name) for name in available() if name != "timepix3"}
SPLIT = """
name = "split"
title = "Time in three fields of two words, none of which counts from 0"
words_per_hit = 2
[fields]
fine = {{ bits = [0, 3] }}
coarse = {{ word = 1, bits = [4, 9] }}
middle = {{ bits = [60, 63] }}
[clock]
tick_ns = 1
time = "{time}"
disorder = "1 us"
slice = "1 ms"
[words]
hit = "fine > 2"
corrupt = "{corrupt}"
"""


def split(time: str, corrupt: str = "fine == 15 or middle < 1") -> Detector:
    return loads(SPLIT.format(time=time, corrupt=corrupt))


@cache
def clock(name: str) -> Clock:
    return clock_of(DETECTORS[name])


@pytest.mark.parametrize("name", DETECTORS)
@given(st.lists(st.integers(0, 2**62), min_size=1, max_size=20), st.integers(0, 40))
def test_a_stamped_word_decodes_to_its_time(name: str, times: list[int], near_wrap: int) -> None:
    detector = DETECTORS[name]
    counts = detector.wrap or clock(name).reach
    t = np.array([*times, 0, counts - 1 - near_wrap], np.int64)
    if detector.wrap is None:
        t %= counts
    plain = pack(
        detector, clock(name).example, {"tot": np.arange(len(t))} if name == "km3net" else {}
    )
    plain = np.resize(plain, (len(t), detector.words_per_hit))
    columns = decode(
        detector, stamp(clock(name), plain, t).ravel(), columns=("t", "hit", "corrupt")
    )
    assert columns["t"].tolist() == (t % counts).tolist()
    assert columns["hit"].all()
    assert not columns["corrupt"].any()


def test_stamping_leaves_the_other_fields_alone(telescope: Detector) -> None:
    clock = clock_of(telescope)
    channels = np.arange(512)
    words = pack(telescope, clock.example, {"tdc_channel": channels})[:, None]
    fields = decode(telescope, stamp(clock, words, 7_919_191 * channels).ravel())
    assert fields["tdc_channel"].tolist() == channels.tolist()
    assert set(fields["fpga"].tolist()) == {clock.example["fpga"]}


def test_time_may_be_split_over_fields_that_begin_anywhere() -> None:
    detector = split("(coarse * 15 + max(middle, 1) - 1) * 12 + fine + 5")
    clock = clock_of(detector)
    assert (clock.origin, clock.reach) == (8, 64 * 15 * 12)
    assert [digit.field for digit in clock.digits] == ["coarse", "middle", "fine"]
    t = 8 + np.arange(clock.reach)
    words = stamp(clock, np.resize(pack(detector, clock.example), (len(t), 2)), t)
    assert decode(detector, words.ravel(), columns=("t",))["t"].tolist() == t.tolist()


@pytest.mark.parametrize(
    "time",
    ["coarse * 100 + fine", "coarse * coarse + fine", "7", "63 - coarse", "fine * 3"],
    ids=["gaps", "not even", "constant", "backwards", "coarse ticks"],
)
def test_a_time_that_fields_dont_count_evenly_is_refused(time: str) -> None:
    with pytest.raises(DeclarationError, match="every tick"):
        clock_of(split(time))


def test_a_time_that_words_of_another_kind_carry_on_is_refused() -> None:
    with pytest.raises(DeclarationError, match=r"timepix3: .* every tick"):
        clock_of(load("timepix3"))


def test_a_field_with_corrupt_values_in_the_middle_is_refused() -> None:
    with pytest.raises(DeclarationError, match="every tick"):
        clock_of(split("(coarse * 16 + middle) * 13 + max(fine, 3) - 3", "middle == 7"))


def test_fields_that_wrap_too_early_are_refused(telescope: Detector) -> None:
    assert telescope.wrap is not None
    with pytest.raises(DeclarationError, match="wrap"):
        clock_of(replace(telescope, wrap=2 * telescope.wrap))


def test_a_time_beyond_a_counter_without_wraps_is_refused() -> None:
    detector = split("(coarse * 15 + max(middle, 1) - 1) * 12 + fine")
    clock = clock_of(detector)
    words = pack(detector, clock.example).reshape(1, 2)
    for t in (clock.origin - 1, clock.origin + clock.reach):
        with pytest.raises(UsageError, match=f"{t} ticks"):
            stamp(clock, words, np.array([t]))


def test_spoilt_words_are_corrupt_and_otherwise_the_same(any_telescope: Detector) -> None:
    on_wire = any_telescope.selection("layer > 0")
    clock = clock_of(any_telescope, on_wire)
    words = pack(any_telescope, clock.example, {"tdc_channel": np.arange(128)})[:, None]
    spoilt = spoil(clock, words, np.random.default_rng(1))
    columns = decode(any_telescope, spoilt.ravel(), columns=("corrupt", "tdc_channel", "tdc_meas"))
    assert columns["corrupt"].all()
    assert set(columns["tdc_meas"].tolist()) == {0, 31}
    assert columns["tdc_channel"].tolist() == list(range(128))


def test_where_no_value_is_corrupt_nothing_can_be_spoilt() -> None:
    detector = load("km3net")
    clock = clock_of(detector)
    with pytest.raises(UsageError, match="corrupt"):
        spoil(clock, pack(detector, clock.example).reshape(1, 2), np.random.default_rng(1))

import tracemalloc
from dataclasses import dataclass, field
from itertools import islice
from math import inf

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from db.detector import Detector, decode, load
from db.errors import DeclarationError, UsageError
from readout.simulator.conditions import Conditions
from readout.simulator.live import live
from readout.simulator.simulate import simulate

MS = 1_200_000
BUSY = Conditions(muon_rate_hz=5e5)


@dataclass
class Time:
    """A clock that only sleep moves on, and whoever else wants to."""

    now: float = 100.0
    slept: list[float] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.mark.parametrize("rate_hz", [2e4, 5e5])
def test_the_links_send_what_simulate_makes(telescope: Detector, rate_hz: float) -> None:
    conditions = Conditions(muon_rate_hz=rate_hz, segment_delay_ns=1e7)
    slices = list(live(telescope, conditions, 7, slice_s=0.01, duration_s=0.05, speed=inf))
    end = slices[-1].start
    whole = simulate(telescope, conditions, 7, 0, end)
    for link in (0, 1):
        sent = np.concatenate([each.links[link] for each in slices])
        inside = decode(telescope, sent, columns=("t",))["t"] < end
        assert sent[inside].tolist() == whole.stream.of_link(link).tolist()
        assert (~inside).sum() < 100
    truth = pl.concat([each.segments for each in slices]).filter(pl.col("t0") < end)
    assert_frame_equal(truth.sort("muon", "chamber"), whole.segments.sort("muon", "chamber"))


def test_a_word_comes_in_the_slice_of_its_release(telescope: Detector) -> None:
    conditions = Conditions(muon_rate_hz=5e5, segment_delay_ns=5e6)
    slices = list(live(telescope, conditions, 7, slice_s=0.01, duration_s=0.05, speed=inf))
    whole = simulate(telescope, conditions, 7, 0, slices[-1].start).stream
    for each in slices[:-1]:
        released = (whole.released >= each.start) & (whole.released < each.stop)
        for link in (0, 1):
            expected = whole.words[released & (whole.link == link), 0]
            early = decode(telescope, each.links[link], columns=("t",))["t"] < slices[-1].start
            assert each.links[link][early].tolist() == expected.tolist()
    assert len(slices[-1].links[0]) > 0
    assert slices[-1].segments.is_empty()


def test_slices_follow_each_other_without_end(telescope: Detector) -> None:
    time = Time()
    endless = live(telescope, BUSY, 7, slice_s=0.01, clock=time.clock, sleep=time.sleep)
    slices = list(islice(endless, 12))
    assert [each.stop for each in slices[:-1]] == [each.start for each in slices[1:]]
    assert slices[0].start == 0
    assert all(10 * MS <= each.stop - each.start < 12 * MS for each in slices)
    assert all(set(each.links) == {0, 1} for each in slices)


def test_a_long_run_takes_no_more_memory_than_a_short_one(telescope: Detector) -> None:
    run = live(telescope, Conditions(muon_rate_hz=1e5), 7, slice_s=0.01, speed=inf)
    tracemalloc.start()
    try:
        peaks = []
        for _ in range(4):
            tracemalloc.reset_peak()
            for _ in islice(run, 10):
                pass
            peaks.append(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()
    assert max(peaks[1:]) < 1.1 * peaks[0]


@pytest.mark.parametrize("speed", [0.5, 1.0, 4.0])
def test_a_slice_comes_when_its_end_has_come(telescope: Detector, speed: float) -> None:
    time = Time()
    paced = live(telescope, BUSY, 7, slice_s=0.02, speed=speed, clock=time.clock, sleep=time.sleep)
    for each in islice(paced, 10):
        assert time.now - 100 == pytest.approx(each.stop / 1.2e9 / speed)


def test_a_slow_reader_catches_up_without_waiting(telescope: Detector) -> None:
    time = Time()
    paced = live(telescope, BUSY, 7, slice_s=0.02, clock=time.clock, sleep=time.sleep)
    next(paced)
    time.now += 0.1
    naps = len(time.slept)
    behind = list(islice(paced, 4))
    assert len(time.slept) == naps
    assert behind[-1].stop / 1.2e9 < time.now - 100
    later = list(islice(paced, 3))
    assert time.now - 100 == pytest.approx(later[-1].stop / 1.2e9)


def test_without_a_pace_nobody_sleeps(telescope: Detector) -> None:
    time = Time()
    list(live(telescope, BUSY, 7, duration_s=0.03, speed=inf, clock=time.clock, sleep=time.sleep))
    assert time.slept == []


@pytest.mark.parametrize("wrong", ["slice_s", "duration_s", "speed"])
@pytest.mark.parametrize("number", [0.0, -1.0, float("nan")])
def test_times_that_lead_nowhere_are_refused_at_once(
    telescope: Detector, wrong: str, number: float
) -> None:
    with pytest.raises(UsageError, match=wrong):
        live(telescope, BUSY, 7, **{wrong: number})


def test_only_a_telescope_can_be_live() -> None:
    with pytest.raises(DeclarationError, match="km3net"):
        live(load("km3net"), BUSY, 7)

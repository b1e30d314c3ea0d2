from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.detector import Detector, available, decode, load
from db.errors import UsageError
from readout.simulator.noise import noise
from readout.simulator.stream import Stream

DETECTORS = {name: load(name) for name in available() if name != "timepix3"}
"""Those whose words can be made; tests of stamps say why not the other.
"""
MS = 1_000_000


def spread(counts: np.ndarray) -> float:
    """By how many standard deviations chi2 is away from that of even counts."""
    expected = counts.sum() / len(counts)
    chi2 = ((counts - expected) ** 2 / expected).sum()
    return float(abs(chi2 - (len(counts) - 1)) / (2 * len(counts)) ** 0.5)


@pytest.fixture(params=DETECTORS)
def detector(request: pytest.FixtureRequest) -> Detector:
    return DETECTORS[request.param]


def test_hits_are_sound_and_carry_their_time(detector: Detector) -> None:
    made = noise(detector, 1, 5 * MS, 50 * MS, 1e6)
    columns = decode(detector, made.words.ravel(), columns=("hit", "corrupt", "t"))
    assert columns["hit"].all()
    assert not columns["corrupt"].any()
    assert columns["t"].tolist() == made.t.tolist()
    if detector.link:
        link = decode(detector, made.words.ravel(), columns=("link",))["link"]
        assert link.tolist() == made.link.tolist()


def test_as_many_hits_as_asked_for_evenly_in_time(detector: Detector) -> None:
    made = noise(detector, 1, 5 * MS, 50 * MS, 2e6)
    expected = 2e6 * 45 * MS * float(detector.tick) * 1e-9
    assert abs(len(made) - expected) < 5 * expected**0.5
    assert spread(np.histogram(made.t, 50, (5 * MS, 50 * MS))[0]) < 5


@pytest.mark.parametrize(
    ("name", "field", "values"),
    [
        ("drift_tubes_v2", "fpga", range(8)),
        ("drift_tubes_v2", "tdc_channel", range(512)),
        ("drift_tubes_v2", "tdc_meas", range(1, 31)),
        ("drift_tubes_v2", "bx", range(3564)),
        ("km3net", "pmt", range(31)),
        ("km3net", "tot", range(256)),
    ],
)
def test_fields_are_even_over_what_sound_hits_hold(name: str, field: str, values: range) -> None:
    detector = DETECTORS[name]
    made = noise(detector, 1, 0, 3564 * 30 * 500, 2e6)
    found = decode(detector, made.words.ravel(), columns=(field,))[field]
    counts = np.bincount(found, minlength=len(values) + values.start)
    assert counts[: values.start].sum() == 0
    assert len(counts) == values.stop
    assert spread(counts[values.start :]) < 5


def test_a_field_can_be_kept_to_given_values() -> None:
    made = noise(DETECTORS["km3net"], 1, 0, 10 * MS, 1e6, values={"module": [3, 10**9], "pmt": [7]})
    columns = decode(DETECTORS["km3net"], made.words.ravel())
    assert set(columns["module"].tolist()) == {3, 10**9}
    assert set(columns["pmt"].tolist()) == {7}


def test_values_that_no_sound_hit_has_are_refused() -> None:
    with pytest.raises(UsageError, match="no sound hit"):
        noise(DETECTORS["km3net"], 1, 0, 10 * MS, 1e6, values={"pmt": [31, 40]})


@pytest.mark.parametrize("name", ["pmts", "time"])
def test_values_of_a_field_that_isnt_there_or_carries_time_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="pmt"):
        noise(DETECTORS["km3net"], 1, 0, 10 * MS, 1e6, values={name: [1]})


def test_times_that_words_cant_hold_are_refused() -> None:
    with pytest.raises(UsageError, match=str(2**32 - 1)):
        noise(DETECTORS["km3net"], 1, 2**32 - MS, 2**32 + MS, 1e6)


@pytest.mark.parametrize(
    ("start", "stop", "wrong"),
    [
        (5, 5, {}),
        (-1, 5, {}),
        (0, 5, {"rate_hz": -1.0}),
        (0, 5, {"rate_hz": float("inf")}),
        (0, 5, {"delay_ns": float("nan")}),
        (0, 5, {"clock_start": -1}),
    ],
)
def test_what_makes_no_sense_is_refused(start: int, stop: int, wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=r"0 <= start|0 or more"):
        noise(DETECTORS["km3net"], 1, start, stop, **{"rate_hz": 1e3, **wrong})


@pytest.mark.parametrize("delay_ns", [2e3, 1e9])
def test_words_come_in_order_of_release_within_the_disorder(
    detector: Detector, delay_ns: float
) -> None:
    made = noise(detector, 1, 0, round(30 * MS / detector.tick), 1e6, delay_ns=delay_ns)
    assert (np.diff(made.released) >= 0).all()
    delay = made.released - made.t
    assert 0 <= delay.min() <= delay.max() <= detector.disorder
    assert delay.mean() * float(detector.tick) == pytest.approx(2e3, rel=0.1) or delay_ns == 1e9


@settings(max_examples=20)
@given(
    st.integers(0, 30 * MS),
    st.lists(st.integers(1, 15 * MS), min_size=1, max_size=4),
    st.sampled_from([1e4, 3e6]),
)
def test_ranges_together_are_one_range(start: int, lengths: list[int], rate_hz: float) -> None:
    detector = DETECTORS["drift_tubes_v2"]
    cuts = np.cumsum([start, *lengths]).tolist()

    def hits(made: Stream) -> list[tuple[int, ...]]:
        return list(zip(made.released.tolist(), made.words[:, 0].tolist(), strict=True))

    parts = [hit for a, b in pairwise(cuts) for hit in hits(noise(detector, 1, a, b, rate_hz))]
    whole = hits(noise(detector, 1, cuts[0], cuts[-1], rate_hz))
    assert sorted(parts) == sorted(whole)

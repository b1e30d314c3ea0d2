"""The model of the segment finder against tracks that are known, and against fits in floats."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tubes import TUBES

from db.detector import decode, encode, load
from db.errors import UsageError
from fpga.segments.chamber import chamber_of, clock_steps
from fpga.segments.model import find
from fpga.segments.segment_words import channel_of, with_segments

CHAMBER = chamber_of(TUBES, 1)
TICK, MM = float(TUBES.tick), CHAMBER.mm
PITCH, HEIGHT = TUBES.constants["cell_width_mm"], TUBES.constants["cell_height_mm"]
X = [-294.0, -315.0, -294.0, -315.0]


def hits_at(t, layer, wire):
    """Words of hits in chamber 1 at ticks of the clock; layers and wires from 0."""
    t, layer, wire = (np.asarray(values) for values in (t, layer, wire))
    orbit, rest = np.divmod(t, 3564 * 30)
    of_layer = np.array([3, 1, 2, 0])  # channel % 4 of layers 1 to 4
    fields = {
        "tdc_meas": rest % 30 + 1,
        "bx": rest // 30,
        "orbit": orbit,
        "tdc_channel": 64 + 4 * wire + of_layer[layer],
        "fpga": np.zeros_like(t),
        "head": np.full_like(t, 2),
    }
    return encode(TUBES, fields)


def crossed(t0, x_mm, slope):
    """The hits of a track: x at the chamber's middle, its slope; None if it leaves the chamber."""
    times, wires = [], []
    for k in range(4):
        at = x_mm + slope * (k - 1.5) * HEIGHT
        wire = round((at - X[k]) / PITCH)
        if not 0 <= wire < 16:
            return None
        drift_mm = abs(at - X[k] - wire * PITCH)
        times.append(t0 + round(drift_mm / MM))
        wires.append(wire)
    return times, wires


@given(
    st.integers(10_000, 2**38),
    st.floats(-290, 300),
    st.floats(-0.7, 0.7),
    st.permutations(range(4)),
)
def test_a_track_through_four_layers_is_found_where_it_is(t0, x_mm, slope, order):
    made = crossed(t0, x_mm, slope)
    if made is None:
        return
    times, wires = (np.array(values)[list(order)] for values in made)
    words = hits_at(times, np.array(order), wires)
    segments = find(CHAMBER, words)
    if not len(segments):
        # Where the sides leave t0 open, or two patterns meet, nothing or something else may fit.
        drift = np.array(made[0]) - t0
        assert (drift < 25).any() or (drift > 440).any()
        return
    (segment,) = segments
    assert segment["at"] == 3
    if segment["ghost"]:
        return
    found_x = segment["x4"] / 4 * MM - 315
    assert abs(times[3] + segment["t0"] - t0) <= 2
    assert abs(found_x - x_mm) < 0.1
    assert abs(segment["slope10"] / 10 * MM / HEIGHT - slope) < 0.01
    assert segment["wires"].tolist() == made[1]


@given(st.integers(0, 2**32))
def test_each_segment_is_the_least_squares_line_through_its_hits(seed):
    random = np.random.default_rng(seed)
    n = 400
    t = 10**6 + np.sort(random.integers(0, 12_000, n))
    layer, wire = random.integers(0, 4, n), random.integers(3, 8, n)
    words = hits_at(t, layer, wire)
    for segment in find(CHAMBER, words):
        own = segment["at"]
        hit_t, wires = t[own] + segment["hits"], segment["wires"]
        for k in range(4):  # the last hits of these cells, until then
            same = (layer[: own + 1] == k) & (wire[: own + 1] == wires[k])
            assert hit_t[k] == t[: own + 1][same][-1]
        sides = np.array(CHAMBER.patterns[segment["pattern"]].sides)
        wire_mm = np.array([X[k] + wires[k] * PITCH for k in range(4)])
        z = (np.arange(4) - 1.5) * HEIGHT
        # x + slope z + sides v t0 = wire + sides v t
        matrix = np.stack([np.ones(4), z, sides * MM], axis=1)
        target = wire_mm + sides * MM * (hit_t - t[own])
        (x_mm, slope, t0), *_ = np.linalg.lstsq(matrix, target, rcond=None)
        off_ns = np.linalg.norm(matrix @ (x_mm, slope, t0) - target) / MM * TICK
        assert off_ns < 4.0 + TICK
        assert abs(segment["t0"] - t0) <= 1.0
        assert abs(segment["x4"] / 4 * MM - 315 - x_mm) < 1.5 * MM
        assert abs(segment["slope10"] / 10 * MM / HEIGHT - slope) < 2 * MM / HEIGHT
        drift = hit_t - t[own] - segment["t0"]
        assert (drift >= -8).all()
        assert (drift <= 468 + 8).all()


@given(st.integers(-600, 600).map(lambda x: 5 * 106920 + x), st.floats(-200, 200))
def test_the_time_word_has_the_segment_s_time_across_the_orbit_s_end(t0, x_mm):
    times, wires = crossed(t0, x_mm, 0.02)
    words = hits_at(times, np.arange(4), wires)
    segments = find(CHAMBER, words)
    told = with_segments(CHAMBER, words, segments)
    assert len(told) == 4 + 4 * len(segments)
    if len(segments):
        assert told[:4].tolist() == words.tolist()
        names = ("t", "head", "chamber", "hit", "timed")
        columns = decode(TUBES, told[4:], columns=names)
        assert columns["head"].tolist() == [0, 4, 5, 1]
        assert columns["t"][0] == times[3] + segments["t0"][0]
        assert columns["timed"].tolist() == [True, False, False, False]
        assert (columns["chamber"] == 1).all()
        assert not columns["hit"].any()


def test_the_clock_is_a_sum_of_its_digits():
    assert clock_steps(TUBES) == {"tdc_meas": 1, "bx": 30, "orbit": 3564 * 30}
    assert channel_of(chamber_of(TUBES, 3)) == {"fpga": 1, "tdc_channel": 64}


def test_a_detector_without_drift_cells_has_no_segments():
    with pytest.raises(UsageError, match="km3net declares no"):
        chamber_of(load("km3net"), 0)

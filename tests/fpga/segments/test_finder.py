"""The segment finder in hardware is its model, word by word."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from streams import run
from tubes import TUBES

from fpga.segments.chamber import chamber_of
from fpga.segments.finder import LATENCY, Finder
from fpga.segments.model import find
from fpga.segments.segment_words import with_segments
from fpga.simulation.compiled import Compiled, build, find_compiler
from readout.simulator.conditions import Conditions
from readout.simulator.simulate import simulate

CHAMBER = chamber_of(TUBES, 1)


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    if find_compiler() is None:
        pytest.skip("needs a C++ compiler")
    return build(Finder(CHAMBER), tmp_path_factory.mktemp("finder"))


def words_of(seed, muons_per_s, ms, clock_start=0):
    """Words of two chambers in rough order of time, with noise, corrupt words and other heads."""
    conditions = Conditions(
        muon_rate_hz=muons_per_s,
        noise_fraction=0.2,
        corrupt_fraction=0.02,
        hit_delay_ns=200,
        segment_delay_ns=500,
        clock_start=clock_start,
    )
    return simulate(TUBES, conditions, seed, 0, int(ms * 1.2e6)).stream.of_link(0)


def told(words):
    return with_segments(CHAMBER, words, find(CHAMBER, words))


def test_hardware_gives_what_the_model_gives_without_a_compiler():
    words = words_of(1, 4e6, 0.02)
    found, _ = run(Finder(CHAMBER), words.tolist(), seed=2)
    assert found == told(words).tolist()
    assert len(found) > len(words) + 40


@pytest.mark.slow
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(
    st.integers(1, 2**32),
    st.sampled_from([1e5, 1.5e6, 1e7]),
    st.sampled_from([0, 2**19 - 900, 2**32 * 106920 - 60_000]),
    st.sampled_from([(0.0, 0.0), (0.4, 0.0), (0.0, 0.5), (0.7, 0.7)]),
)
def test_hardware_gives_what_the_model_gives(library, seed, muons_per_s, start, pauses):
    words = words_of(seed, muons_per_s, 0.1, start)
    with Compiled(library, ["hits"]) as finder:
        found = finder.run({"hits": words}, quiet=200, idle=pauses[0], stall=pauses[1], seed=seed)
    np.testing.assert_array_equal(found, told(words))


@pytest.mark.slow
def test_a_million_words_are_the_model_s(library):
    words = words_of(7, 1.5e6, 66)
    with Compiled(library, ["hits"]) as finder:
        found = finder.run({"hits": words}, quiet=200)
    wanted = told(words)
    assert len(wanted) > len(words) + 100_000 > 1_000_000
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.slow
def test_a_word_takes_the_same_time_whatever_it_is(library):
    words = words_of(3, 1e4, 2)[:60]
    words = words[: int(find(CHAMBER, words)["at"][0])]
    with Compiled(library, ["hits"]) as finder:
        assert len(finder.run({"hits": words}, clocks=len(words) + LATENCY)) == len(words)
    with Compiled(library, ["hits"]) as finder:
        assert len(finder.run({"hits": words}, clocks=LATENCY)) == 0
        assert len(finder.run({}, clocks=1)) == 1

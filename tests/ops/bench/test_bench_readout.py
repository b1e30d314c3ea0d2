import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.bench.memory import Sample, memory, sample, slope, watched
from ops.bench.readout import TRIGGERS, print_spans, readout

_MB = 1 << 20


@given(
    st.lists(st.integers(-1000, 1000), min_size=2, max_size=20, unique=True),
    st.integers(-50, 50),
    st.integers(-500, 500),
)
def test_the_slope_of_a_straight_line_is_its_slope(x, steep, offset):
    assert slope(x, [steep * each + offset for each in x]) == pytest.approx(steep, abs=1e-6)


def test_memory_tells_peaks_of_all_samples_and_the_slope_of_the_later_ones():
    rising = [Sample(60.0 * k, 500 - k, 400 - k, 10.0 * max(k, 3)) for k in range(9)]
    held = memory(rising)
    assert (held.rss_peak, held.pss_peak, held.private_peak) == (500, 400, 80)
    assert held.private_slope == pytest.approx(10)
    assert held.samples == 9
    assert memory(rising[:1]).private_slope == 0


def test_a_sample_sees_what_a_process_takes():
    pid = os.getpid()
    before = sample(pid, {"us": pid})
    held = bytearray(os.urandom(1)) * (256 * _MB)  # far more than others free meanwhile
    after = sample(pid, {"us": pid})
    assert before and after
    assert 200 < after.private - before.private < 300
    assert after.rss >= after.pss >= after.private > len(held) / _MB


def test_samples_are_taken_while_the_context_lasts():
    with watched(lambda: {"us": os.getpid()}, 0.01) as samples:
        while len(samples.get("us", [])) < 3:
            pass
    n = len(samples["us"])
    assert n == len(samples["us"])


def test_words_of_many_links_are_all_stored_and_all_windows_done(servers, capsys):
    print_spans(readout(3, 0, 20_000, 1.0, 1, 0.1), as_json=True)
    (span,) = json.loads(capsys.readouterr().out)["spans"]
    assert span["all_stored"]
    assert span["words"] == pytest.approx(20_000, rel=0.01)
    assert {"readout", "worker", "shard0"} <= set(span["memory"]) <= set(span["cores"])
    assert span["memory"]["readout"]["private_peak"] > 10
    assert span["windows_done"] >= span["windows"] >= 10
    assert len(TRIGGERS) == 3

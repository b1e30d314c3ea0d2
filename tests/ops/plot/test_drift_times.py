from collections import Counter
from math import floor

import pytest
from matplotlib.patches import StepPatch

from db.errors import UsageError
from ops.plot.drift_times import bin_ns, count, draw

TICK_NS = 25 / 30


@pytest.fixture(scope="module")
def counted(telescope):
    return count(telescope.engine, telescope.names["segments"])


def test_every_hit_of_a_segment_is_counted_at_its_drift_time(telescope, counted):
    width = bin_ns(telescope.run)
    assert width == pytest.approx(6 * TICK_NS)
    expected = Counter()
    for row in telescope.rows("segments"):
        for wire, t in zip(row["wires"], row["hit_t"], strict=True):
            if wire:
                drift_ns = (t - row["t"]) * TICK_NS - row["t0_ns"]
                expected[row["chamber"], row["n_hits"], floor(drift_ns / width)] += 1
    assert sum(expected.values()) > 5000
    # A time within 1e-9 of an edge may fall on either side of it.
    found = {tuple(key): n for *key, n in counted.iter_rows()}
    assert sum(abs(found.get(k, 0) - expected[k]) for k in found.keys() | expected) <= 2


def test_bars_of_three_hits_stand_on_those_of_four(telescope, counted):
    whole, *chambers = draw(telescope.run, counted).axes
    assert len(chambers) == 4
    for axes, chosen in [
        (whole, counted),
        *((axes, counted.filter(chamber=number)) for number, axes in enumerate(chambers)),
    ]:
        four, three = (p.get_data() for p in axes.patches if isinstance(p, StepPatch))
        assert four.values.sum() == chosen.filter(n_hits=4)["n"].sum()
        assert (three.values - three.baseline).sum() == chosen.filter(n_hits=3)["n"].sum()
        assert three.baseline.tolist() == four.values.tolist()
        assert four.edges[0] == pytest.approx(chosen["bin"].min() * bin_ns(telescope.run))


def test_drift_times_fill_the_range_from_zero_to_the_longest(counted, telescope):
    inside = counted["bin"] * bin_ns(telescope.run)
    n = counted["n"]
    assert n.filter(inside.is_between(0, 385)).sum() > 0.97 * n.sum()


def test_no_segments_are_said(telescope, counted):
    with pytest.raises(UsageError, match="no segments in this range"):
        draw(telescope.run, counted.clear())

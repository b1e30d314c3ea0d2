"""What segments say of the resolution, against what was put into their hits."""

import numpy as np
import polars as pl
import pytest
from figures import SETS, judged
from real_chambers import CONSTANTS, TICK_NS, Chambers, muons_through

from software_triggers.library.mean_timer import SEGMENT, segments
from software_triggers.library.measured_resolution import Offsets


def measured(hits: pl.DataFrame, resolution_ns: float = 4.0) -> list[float]:
    """The resolution of each chamber, as segments that believe in a given one tell it."""
    offsets = Offsets()
    found = segments(hits, **CONSTANTS, resolution_ns=resolution_ns)
    for part in found.iter_slices(len(found) // 3):
        offsets.add(part)
    return [each.resolution_ns for each in offsets.spreads()]


@pytest.mark.parametrize("name", SETS)
def test_the_resolution_of_each_chamber_is_found_and_makes_errors_honest(name) -> None:
    muons = muons_through(np.random.default_rng(11), 5000, SETS[name])
    width = measured(muons.hits)
    true = np.hypot(SETS[name].resolution_ns, TICK_NS / np.sqrt(12))
    assert width == pytest.approx([true] * 4, rel=0.06)
    figures = judged(muons, float(np.mean(width)))
    assert all(0.9 < value < 1.1 for key, value in figures.items() if "pull" in key), figures


def test_a_resolution_far_from_what_was_believed_comes_nearer_each_time() -> None:
    hits = muons_through(np.random.default_rng(12), 3000, Chambers(9.0)).hits
    width = 4.0
    off = []
    for _ in range(2):
        width = float(np.mean(measured(hits, width)))
        off.append(abs(width - 9.0))
    assert off[1] < off[0]
    assert off[1] < 0.5


def test_nothing_is_measured_where_there_are_no_segments_of_four_hits() -> None:
    offsets = Offsets()
    offsets.add(pl.DataFrame(schema=SEGMENT))
    assert offsets.spreads() == []

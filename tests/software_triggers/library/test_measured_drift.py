"""What segments say of the drift velocity, against that with which their hits were made."""

import numpy as np
import polars as pl
import pytest
from figures import SETS
from real_chambers import CONSTANTS, DRIFT_MM_PER_NS, TICK_NS, muons_through

from software_triggers.library.mean_timer import SEGMENT, segments
from software_triggers.library.measured_drift import Drift, checks, drifts, left_ns

TRUE = 1000 * DRIFT_MM_PER_NS


def measured(hits: pl.DataFrame, believed: float) -> list[Drift]:
    constants = {**CONSTANTS, "v_drift_um_per_ns": believed, "t_max_ns": 21_000 / believed}
    wires = hits.select("chamber", "layer", "wire", "x_mm").unique()
    found = segments(hits, **constants)
    parts = [checks(part, wires, TICK_NS) for part in found.iter_slices(len(found) // 3)]
    return drifts(pl.concat(parts), believed)


@pytest.mark.parametrize("name", ["1 ns", "3 ns", "real"])
@pytest.mark.parametrize("believed", [52.5, TRUE, 55.0])
def test_the_drift_velocity_is_found_and_nearer_each_time(name, believed) -> None:
    hits = muons_through(np.random.default_rng(11), 4000, SETS[name]).hits
    off = [abs(believed - TRUE)]
    for _ in range(3):
        *chambers, every = measured(hits, believed)
        believed = every.v_drift_um_per_ns
        off.append(abs(believed - TRUE))
    assert off[-1] < 4 * every.error < 0.06
    assert off[1] < off[0] / 3 or off[0] < 0.01
    assert [each.chamber for each in chambers] == [0, 1, 2, 3]
    assert all(abs(each.v_drift_um_per_ns - TRUE) < 4 * each.error for each in chambers)
    assert every.width_ns == pytest.approx(SETS[name].resolution_ns, rel=0.07)


def test_what_is_left_is_the_width() -> None:
    hits = muons_through(np.random.default_rng(12), 2000, SETS["3 ns"]).hits
    wires = hits.select("chamber", "layer", "wire", "x_mm").unique()
    found = checks(segments(hits, **CONSTANTS), wires, TICK_NS)
    assert np.std(left_ns(found, TRUE)) == pytest.approx(3.0, rel=0.1)
    assert np.std(left_ns(found, 1.05 * TRUE)) > 2 * 3.0


def test_nothing_is_measured_where_there_are_no_segments_of_four_hits() -> None:
    wires = pl.DataFrame({"chamber": [0], "layer": [1], "wire": [1], "x_mm": [0.0]})
    assert drifts(checks(pl.DataFrame(schema=SEGMENT), wires, TICK_NS), TRUE) == []

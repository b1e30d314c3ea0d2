"""Segments and tracks with default settings, on chambers as they are."""

from functools import cache

import numpy as np
import pytest
from judgement import judge_segments, judge_tracks
from real_chambers import CONSTANTS, REAL, Chambers, muons_through

from software_triggers.library.mean_timer import segments
from software_triggers.library.straight_track import tracks

TRACKING = {n: CONSTANTS[n] for n in ("tick_ns", "v_drift_um_per_ns", "cell_height_mm")}
SETS = {"1 ns": Chambers(1.0), "3 ns": Chambers(3.0), "4 ns": Chambers(4.0), "real": REAL}


@cache
def figures(name: str, known: bool) -> dict[str, float]:
    """Figures of one set, the resolution known or as it is taken to be."""
    muons = muons_through(np.random.default_rng(7), 5000, SETS[name])
    width = {"resolution_ns": SETS[name].resolution_ns} if known else {}
    found = segments(muons.hits, **CONSTANTS, **width)
    joined = tracks(found, **TRACKING, flight_ns_per_m=1e3 / 299.792458)
    return judge_segments(muons, found) | judge_tracks(muons, joined)


@pytest.mark.parametrize("name", SETS)
def test_muons_are_found_by_default(name) -> None:
    found = figures(name, known=False)
    assert found["four_as_four"] > 0.98
    assert found["tracks_of_44"] > 0.98
    assert found["track_fakes"] < 0.005


@pytest.mark.parametrize("name", SETS)
def test_errors_are_honest_where_the_resolution_is_known(name) -> None:
    found = figures(name, known=True)
    pulls = {n: width for n, width in found.items() if "pull" in n}
    assert len(pulls) == 5
    assert all(0.9 < width < 1.1 for width in pulls.values()), pulls
    assert found["track_t0_ns"] < 1.05 * found["ideal_t0_ns"]


def test_three_hits_that_fit_several_lines_say_so_and_keep_them() -> None:
    found = figures("real", known=False)
    assert found["three_kept"] > 0.65
    assert found["ghosts_unflagged"] < 0.18


def test_steep_muons_are_found_as_well_as_others() -> None:
    muons = muons_through(np.random.default_rng(3), 5000, Chambers(3.0))
    steep = judge_segments(muons, segments(muons.hits, **CONSTANTS), steepest_deg=45.0)
    assert steep["four_as_four"] > 0.98

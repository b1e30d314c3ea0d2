"""Segments and tracks with default settings, on chambers as they are."""

from functools import cache

import numpy as np
import pytest
from figures import SETS, TRACKING, found_in, judged
from judgement import angle_deg, from_wire_mm, judge_segments, judge_tracks, shares_of_four
from real_chambers import CONSTANTS, Chambers, Muons, muons_through

from software_triggers.library.alignment import Alignment
from software_triggers.library.mean_timer import segments
from software_triggers.library.straight_track import tracks


@cache
def figures(name: str, known: bool) -> dict[str, float]:
    """Figures of one set, the resolution known or as it is taken to be."""
    return judged(made(name), SETS[name].resolution_ns if known else None)


@cache
def made(name: str) -> Muons:
    return muons_through(np.random.default_rng(7), 5000, SETS[name])


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
    assert found["three_good"] > 0.68
    assert found["three_kept"] > 0.77
    assert found["ghosts_unflagged"] < 0.15


def test_steep_muons_are_found_as_well_as_others() -> None:
    muons = muons_through(np.random.default_rng(3), 5000, Chambers(3.0))
    steep = judge_segments(muons, segments(muons.hits, **CONSTANTS), steepest_deg=45.0)
    assert steep["four_as_four"] > 0.98


@pytest.mark.parametrize("name", SETS)
def test_four_hits_are_found_as_well_anywhere_in_a_cell_and_at_any_angle(name) -> None:
    whole = found_in(made(name))
    for where, edges in ((from_wire_mm, [0, 7, 14, 21]), (angle_deg, [0, 15, 30, 45])):
        shares = shares_of_four(*whole, where, edges)
        assert max(shares) - min(shares) < 0.02


def test_four_hits_are_found_at_half_a_million_muons_a_second() -> None:
    muons = muons_through(np.random.default_rng(8), 3000, SETS["real"], rate_hz=5e5)
    assert shares_of_four(*found_in(muons), angle_deg, [0, 38]) > [0.97]


def test_two_muons_close_in_time_are_both_found() -> None:
    muons = muons_through(np.random.default_rng(9), 4000, SETS["3 ns"], rate_hz=2e4, apart_ns=300.0)
    assert shares_of_four(*found_in(muons), angle_deg, [0, 38]) > [0.98]


def test_tracks_are_as_good_where_chambers_are_off_once_it_is_known_by_how_much() -> None:
    off = Chambers(3.0, t0_ns=(0, 7, -5, 0), x_mm=(0, 1.5, -0.8, 0), tilt=(0, 0.004, -0.003, 0))
    muons = muons_through(np.random.default_rng(4), 4000, off)
    found = segments(muons.hits, **CONSTANTS, resolution_ns=3.0)
    known = tracks(found, **TRACKING, alignment=Alignment(off.t0_ns, off.x_mm, off.tilt))
    figures = judge_tracks(muons, known)
    assert figures["tracks_of_44"] > 0.98
    assert all(0.9 < figures[f"track_pull_{name}"] < 1.1 for name in ("t0", "slope")), figures
    unknown = tracks(found, **TRACKING)
    assert 3 * len(unknown.filter(n_segments=3)) < len(known.filter(n_segments=3))

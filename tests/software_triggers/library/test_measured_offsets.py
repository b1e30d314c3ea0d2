"""What tracks say of chambers that are off, against by how much they were put off."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from figures import SETS, TRACKING
from judgement import judge_tracks
from real_chambers import CONSTANTS, Chambers, Muons, muons_through

from software_triggers.library.alignment import Alignment
from software_triggers.library.mean_timer import SEGMENT, segments
from software_triggers.library.measured_offsets import Offset, from_lines, joined, offsets, passages
from software_triggers.library.straight_track import EXACT, TRACK, tracks

OFF = {"t0_ns": (0, 7, -5, 0), "x_mm": (0, 1.5, 0, 0), "tilt": (0.002, 0.004, -0.003, 0)}
LOW_MM = (0.0, 2.0, 0.0, 0.0)
"""How much lower than chambers are the declaration says that they are."""
PIECES = 7


def measured(muons: Muons, found: pl.DataFrame, known: Alignment) -> list[Offset]:
    """What tracks that were found with an alignment say of it, read in pieces."""
    made = tracks(found, **TRACKING, alignment=known)
    pieces = made.iter_slices(-(-len(made) // PIECES))
    parts = [passages(piece, found, **TRACKING, alignment=known) for piece in pieces]
    return offsets(joined(parts), known)[0]


def lower(found: pl.DataFrame, by_mm: list[float]) -> pl.DataFrame:
    """Segments as a declaration would place them that has chambers lower by so much."""
    low = pl.Series(by_mm)[found["chamber"].cast(pl.Int64)]
    return found.with_columns(pl.col("z_mm") - low)


def alignment_of(each: list[Offset]) -> Alignment:
    return Alignment(*([getattr(o, name) for o in each] for name in ("t0_ns", "x_mm", "slope")))


@pytest.mark.parametrize("name", ["1 ns", "3 ns", "real"])
def test_chambers_that_are_off_are_found_to_be_and_tracks_are_whole_again(name) -> None:
    width = SETS[name].resolution_ns
    muons = muons_through(np.random.default_rng(4), 4000, replace(SETS[name], **OFF))
    found = segments(muons.hits, **CONSTANTS, resolution_ns=width)
    known, low_mm = Alignment(), list(LOW_MM)
    for _ in range(5):
        each = measured(muons, lower(found, low_mm), known)
        known = alignment_of(each)
        for o in each:
            low_mm[o.chamber] -= o.z_mm
    assert [o.chamber for o in each] == [0, 1, 2]  # the fourth is alone in its view
    # Flight is longer than in the view alone, by what angles the other view has: up to 0.2 ns.
    assert [o.t0_ns for o in each] == pytest.approx([0, 7, -5], abs=0.25)
    assert [o.x_mm for o in each] == pytest.approx([0, 1.5, 0], abs=0.02)
    for o, true in zip(each, OFF["tilt"], strict=False):
        assert abs(o.slope - true) < 4 * o.slope_err < 0.001
    assert low_mm == pytest.approx([0, 0, 0, 0], abs=0.1)
    assert each[1].z_err_mm < 0.05
    figures = judge_tracks(muons, tracks(lower(found, low_mm), **TRACKING, alignment=known))
    assert figures["tracks_of_44"] > 0.98
    assert all(0.9 < figures[f"track_pull_{n}"] < 1.1 for n in ("t0", "slope")), figures


def test_what_is_left_lies_around_the_lines() -> None:
    muons = muons_through(np.random.default_rng(5), 3000, replace(SETS["3 ns"], **OFF))
    found = segments(muons.hits, **CONSTANTS, resolution_ns=3.0)
    known = Alignment(OFF["t0_ns"], OFF["x_mm"], OFF["tilt"])
    every = passages(tracks(found, **TRACKING, alignment=known), found, **TRACKING, alignment=EXACT)
    each, after = offsets(every, EXACT)
    assert [o.t0_ns for o in each] == pytest.approx([0, 7, -5], abs=0.25)
    for k, off in enumerate((0.5, 0.004, 4.0)):  # mm, slope, ns
        middle = np.median(from_lines(every)[every.chamber == 1, k])
        assert abs(middle) > off / 2
        assert abs(np.median(from_lines(after)[every.chamber == 1, k])) < off / 20


def test_errors_are_those_of_the_number_of_segments() -> None:
    pulls = []
    for seed in range(12):
        muons = muons_through(np.random.default_rng(seed), 1500, Chambers(3.0), steepest_deg=10)
        each = measured(muons, segments(muons.hits, **CONSTANTS, resolution_ns=3.0), Alignment())
        pulls += [o.slope / o.slope_err for o in each]
        pulls += [o.x_mm / o.x_err_mm for o in each if o.x_err_mm]
        pulls += [o.z_mm / o.z_err_mm for o in each if o.z_err_mm]
        assert [o.z_err_mm == 0 for o in each] == [True, False, True]
        held = [(o.t0_err_ns == 0, o.x_err_mm == 0) for o in each]
        assert held == [(True, True), (False, False), (False, True)]
    assert 0.75 < np.sqrt(np.mean(np.square(pulls))) < 1.3


def test_nothing_is_measured_where_there_are_no_tracks() -> None:
    none = (pl.DataFrame(schema=TRACK), pl.DataFrame(schema=SEGMENT))
    every = joined([passages(*none, **TRACKING, alignment=Alignment())] * 2)
    each, left = offsets(every, Alignment())
    assert each == []
    assert from_lines(left).shape == (0, 3)

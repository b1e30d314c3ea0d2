from collections import Counter
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from matplotlib.patches import Rectangle, StepPatch

from db.catalogue.runs import Run
from db.detector import load
from db.detector.elements import elements
from db.errors import UsageError
from db.words.rates import newest_rates
from ops.demo.channels import groups_of_channels, name_of_others
from ops.plot.rates import MOST_BINS, count, draw
from ops.terminal import OTHERS

SLICE = 120_000_000
SECOND = 1_200_000_000
NO_GAPS = pl.DataFrame(schema={"a": pl.Int64, "b": pl.Int64, "dead": pl.Boolean})


def stairs(figure):
    return {p.get_label(): p.get_data() for p in figure.axes[0].patches if isinstance(p, StepPatch)}


@pytest.mark.parametrize("by", ["chamber", "link"])
def test_all_words_are_counted_in_the_slice_they_lie_in(telescope, by):
    found = count(telescope.engine, telescope.run, telescope.a, telescope.b, by)
    # 255: it has no wire
    group = pl.when("hit").then(pl.col(by).replace(255, None)) if by == "chamber" else by
    words = telescope.words.select(pl.col("t") // SLICE, group, "hit").rows()
    expected = Counter(words)
    assert {(t // SLICE, *which): n for t, _, *which, n in found.iter_rows() if n} == expected
    assert found["t"].unique().sort().to_list() == [0, SLICE, 2 * SLICE, 3 * SLICE]
    last = telescope.words["t"].max() + 1
    assert found["t_end"].unique().sort().to_list() == [SLICE, 2 * SLICE, 3 * SLICE, last]


def test_the_height_is_words_over_the_time_in_which_they_came(telescope):
    found = count(telescope.engine, telescope.run, telescope.a, telescope.b, "chamber")
    drawn = stairs(draw(telescope.run, found, NO_GAPS))
    assert list(drawn) == [
        *(f"chamber {number}" for number in range(4)),
        "no chamber",
        "other words",
    ]
    words = telescope.words.filter(chamber=2, hit=True)["t"]
    heights, edges, _ = drawn["chamber 2"]
    ends = [0, SLICE, 2 * SLICE, 3 * SLICE, telescope.words["t"].max() + 1]
    assert edges == pytest.approx([t / SECOND for t in ends])
    for height, a, b in zip(heights, ends, ends[1:], strict=False):
        assert height == pytest.approx(words.is_between(a, b - 1).sum() / (b - a) * SECOND)


def test_a_range_gives_the_slices_that_it_touches(telescope):
    found = count(telescope.engine, telescope.run, SLICE + 5, 2 * SLICE + 5, "link")
    assert found["t"].unique().sort().to_list() == [SLICE, 2 * SLICE]
    assert found["t_end"].max() == 3 * SLICE
    with pytest.raises(UsageError, match="no words in this range"):
        count(telescope.engine, telescope.run, 50 * SLICE, 51 * SLICE, "link")


def counted(n_bins, groups, by="link", length=SLICE):
    t = np.arange(n_bins) * length
    each = {"t": t, "t_end": t + length}
    return pl.concat(
        [
            pl.DataFrame({**each, by: [g] * n_bins, "hit": [True] * n_bins, "n": t // length + 1})
            for g in groups
        ]
    )


run = Run(3, "x", "closed", load("drift_tubes_v2").source, datetime(2026, 11, 21, tzinfo=UTC), 1)


def test_dead_time_is_shaded_within_the_picture_and_other_gaps_are_not():
    gaps = pl.DataFrame(
        {
            "a": [-SECOND, SLICE, 2 * SLICE, 99 * SLICE],
            "b": [SLICE // 2, 2 * SLICE, 3 * SLICE, 100 * SLICE],
            "dead": [True, True, False, True],
        }
    )
    axes = draw(run, counted(5, [0]), gaps).axes[0]
    shades = [p for p in axes.patches if isinstance(p, Rectangle)]
    spans = [(s.get_x(), s.get_x() + s.get_width()) for s in shades]
    assert spans == [pytest.approx((0, 0.05)), pytest.approx((0.1, 0.2))]
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["link 0", "dead time"]
    assert axes.get_ylabel() == "hits / s"
    assert draw(run, counted(5, [0]), gaps, "muons").axes[0].get_ylabel() == "rows / s"


def test_the_picture_shows_what_the_screen_shows_under_the_same_names(telescope):
    found = count(telescope.engine, telescope.run, telescope.a, telescope.b, "chamber")
    groups = groups_of_channels(telescope.run.detector)
    nowhere, screen = name_of_others(telescope.run.detector), Counter()
    for channel, hit, n in newest_rates(telescope.engine, telescope.run, 0, 4).iter_rows():
        screen[groups.get(channel, nowhere) if hit else OTHERS] += n
    in_chamber = pl.format("chamber {}", "chamber").fill_null("no chamber")
    names = pl.when("hit").then(in_chamber).otherwise(pl.lit(OTHERS))
    assert dict(found.group_by(names).agg(pl.col("n").sum()).rows()) == screen


def test_words_that_belong_nowhere_are_a_line_of_their_own():
    assert list(stairs(draw(run, counted(3, [0, None], "chamber"), NO_GAPS))) == [
        "chamber 0",
        "no chamber",
    ]


def test_of_many_links_the_sum_is_drawn():
    heights, *_ = stairs(draw(run, counted(4, range(30)), NO_GAPS))["all 30 links"]
    assert heights == pytest.approx([30 * n / SLICE * SECOND for n in (1, 2, 3, 4)])


@pytest.mark.parametrize(
    ("n_s", "unit"), [(1, "s"), (700, "min"), (4 * 3600, "h"), (4 * 86400, "days")]
)
def test_long_runs_are_drawn_in_longer_units(n_s, unit):
    axes, clock = draw(run, counted(4, [0], length=n_s * SECOND // 4), NO_GAPS).axes
    assert axes.get_xlabel() == f"time since the run's start ({unit})"
    assert clock.get_xlabel() == "UTC, from 2026-11-21"
    days = n_s / 86400
    assert np.diff(clock.get_xlim()) == pytest.approx(days)
    assert axes.get_xlim()[1] * {"s": 1, "min": 60, "h": 3600, "days": 86400}[unit] == n_s


def test_bins_grow_with_the_range_but_not_their_number(telescope):
    end = 10**6 * SLICE
    found = count(telescope.engine, telescope.run, -end, telescope.b, "link")
    assert found["t"].n_unique() <= MOST_BINS
    assert found["n"].sum() == len(telescope.words)


def test_elements_are_the_wires_that_the_readout_has():
    rows = elements(load("drift_tubes_v2")).select("channel", "chamber", "layer", "wire").rows()
    expected = {
        (512 * fpga + channel, 2 * fpga + channel // 64, (4, 2, 3, 1)[channel % 4], channel % 64 // 4 + 1)
        for fpga in (0, 1)
        for channel in range(128)
    }  # fmt: skip
    assert len(rows) == len(expected)
    assert set(rows) == expected
    assert elements(load("km3net")).is_empty()


def test_less_than_half_a_bin_at_the_end_is_left_out(telescope):
    # 801.75 slices in bins of three: the last would hold three quarters of a slice.
    found = count(telescope.engine, telescope.run, -798 * SLICE, telescope.b, "link")
    assert found["t_end"].max() == 3 * SLICE
    assert found["n"].sum() == (telescope.words["t"] < 3 * SLICE).sum()

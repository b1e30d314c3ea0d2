import numpy as np
import polars as pl
import pytest
from matplotlib.collections import EllipseCollection, LineCollection, PolyCollection

from db.catalogue.runs import Run
from db.detector import load
from db.errors import UsageError
from ops.plot.display import draw
from ops.plot.event import Event, drifts, read

V_MM_PER_NS, TICK_NS = 0.0538, 25 / 30
FIRST_WIRE_MM = {1: -294.0, 2: -315.0, 3: -294.0, 4: -315.0}
LAYER_Z_MM = {1: -19.5, 2: -6.5, 3: 6.5, 4: 19.5}
CHAMBER_Z_MM = (219.8, 977.3, 1035.6, 1819.8)
FROM_TOP = (3, 2, 1, 0)
PARTS = ("hits", "segments", "tracks")


def place_mm(chamber, layer, wire):
    return FIRST_WIRE_MM[layer] + 42 * (wire - 1), CHAMBER_Z_MM[chamber] + LAYER_Z_MM[layer]


def of_segments(event):
    """(chamber, layer, wire, t) of each hit in a segment: its drift distance, and its side."""
    found = {}
    for row in event.segments.iter_rows(named=True):
        for layer, (wire, t, side) in enumerate(
            zip(row["wires"], row["hit_t"], row["sides"], strict=True), 1
        ):
            if wire:
                drift_ns = (t - row["t"]) * TICK_NS - row["t0_ns"]
                found[row["chamber"], layer, wire, t] = (V_MM_PER_NS * drift_ns, side)
    return found


@pytest.fixture(scope="module")
def events(telescope):
    _, run, *_ = telescope
    return [read(telescope.engine, run, telescope.names, number) for number in range(40)]


def one(events, *, hits_outside):
    """An event with a track through three chambers, and hits beside it or not."""
    return next(
        event
        for event in events
        if 3 in event.tracks["n_segments"]
        and (len(on_wires(event)) > len(of_segments(event))) is hits_outside
    )


def on_wires(event):
    return event.hits.filter(pl.col("wire") > 0)


def collections(axes, kind):
    return [c for c in axes.collections if isinstance(c, kind)]


def test_an_event_has_the_hits_that_the_detector_had_in_its_time(telescope, events):
    ends = [row["t_end"] for row in telescope.rows("events")]
    columns = ["t", "chamber", "layer", "wire"]
    for event, end in zip(events, ends, strict=False):
        there = telescope.words.filter(pl.col("hit"), pl.col("t").is_between(event.t, end - 1))
        assert sorted(event.hits.select(columns).rows()) == sorted(there.select(columns).rows())


def test_hits_of_segments_have_their_drift_distance_and_others_none(telescope, events):
    for event in events:
        expected = of_segments(event)
        found = drifts(telescope.run.detector, event)
        assert len(found) == len(event.hits)
        for *hit, drift, side in found.select(
            "chamber", "layer", "wire", "t", "drift_mm", "side"
        ).iter_rows():
            wanted = expected.pop(tuple(hit), (None, None))
            assert drift == (wanted[0] and pytest.approx(wanted[0], abs=1e-9))
            assert side == wanted[1]
        assert not expected


def test_circles_are_about_the_wires_with_the_drift_distance_as_radius(telescope, events):
    event = one(events, hits_outside=True)
    figure = draw(telescope.run, event)
    expected = of_segments(event)
    for axes, chamber in zip(figure.axes[1:], FROM_TOP, strict=True):
        (circles,) = collections(axes, EllipseCollection)
        drawn = zip(circles.get_offsets().tolist(), circles.get_widths(), strict=True)
        wanted = [
            (*place_mm(*cell), abs(drift))
            for (*cell, _), (drift, _) in expected.items()
            if cell[0] == chamber
        ]
        assert sorted((*wire, width / 2) for wire, width in drawn) == [
            pytest.approx(one) for one in sorted(wanted)
        ]


def test_the_passages_lie_on_the_line_of_their_segment(telescope, events):
    for event in events[:5]:
        figure = draw(telescope.run, event)
        n = 0
        for axes, chamber in zip(figure.axes[1:], FROM_TOP, strict=True):
            lines = event.segments.filter(chamber=chamber).select("x_mm", "z_mm", "slope").rows()
            drawn = collections(axes, LineCollection)[0].get_segments()
            for ends, (x_0, z_0, slope) in zip(drawn, lines, strict=True):
                assert ends[:, 0] == pytest.approx(x_0 + slope * (ends[:, 1] - z_0))
                assert np.ptp(ends[:, 1]) > 52
            for x, z in axes.lines[0].get_xydata():
                off = [abs(x - x_0 - slope * (z - z_0)) for x_0, z_0, slope in lines]
                assert min(off) < 0.5  # a passage on the wrong side is off by twice the drift
                n += 1
        assert n == len(of_segments(event)) >= 8


def test_each_chamber_has_its_cells_and_hits_and_the_whole_those_of_its_view(telescope, events):
    event = one(events, hits_outside=True)
    whole, *chambers = draw(telescope.run, event).axes
    used = of_segments(event)

    def counted(axes):
        return [len(c.get_paths()) for c in collections(axes, PolyCollection)]

    def expected(*numbers):
        hits = event.hits.filter(pl.col("chamber").is_in(numbers))
        n_used = sum(hit[0] in numbers for hit in used)
        return [64 * len(numbers), n_used, len(hits) - n_used]

    assert counted(whole) == expected(0, 2, 3)
    assert [counted(axes) for axes in chambers] == [expected(number) for number in FROM_TOP]
    boxes = collections(chambers[0], PolyCollection)[0].get_paths()
    corners = {tuple(np.round(v, 6)) for box in boxes for v in box.vertices}
    x, z = place_mm(3, 1, 1)
    assert {(x - 21, z - 6.5), (x + 21, z + 6.5)} <= corners


def test_a_track_is_drawn_through_the_whole_of_its_view_and_no_other(telescope, events):
    event = one(events, hits_outside=False)
    whole, *chambers = draw(telescope.run, event).axes
    tracks = event.tracks.filter(view=0).select("x0_mm", "slope").rows()
    drawn = collections(whole, LineCollection)[-1].get_segments()
    assert len(drawn) == len(tracks)
    for line, (x0_mm, slope) in zip(drawn, tracks, strict=True):
        assert line[0][1] < min(CHAMBER_Z_MM)
        assert line[1][1] > max(CHAMBER_Z_MM)
        assert line[:, 0] == pytest.approx(x0_mm + slope * line[:, 1])
    in_other_view = collections(chambers[FROM_TOP.index(1)], LineCollection)[-1]
    assert len(in_other_view.get_segments()) == len(event.tracks.filter(view=1)) == 0
    assert any("chamber 1: view 1" in text.get_text() for text in whole.texts)


def test_a_segments_cells_are_all_in_its_chambers_picture(telescope, events):
    far = {event.segments["x_mm"].mean(): event for event in events if len(event.segments) > 3}
    first, second = far[min(far)], far[max(far)]
    both = {name: pl.concat([getattr(first, name), getattr(second, name)]) for name in PARTS}
    for event in (*events[:5], first, second, Event(0, first.t, **both)):
        for axes, chamber in zip(draw(telescope.run, event).axes[1:], FROM_TOP, strict=True):
            left, right = axes.get_xlim()
            for cell in of_segments(event):
                if cell[0] == chamber:
                    x, _ = place_mm(*cell[:3])
                    assert left <= x - 21 + 1e-6
                    assert x + 21 <= right + 1e-6


def test_the_heading_names_run_event_and_time(telescope, events):
    text = draw(telescope.run, events[3]).get_suptitle()
    t = telescope.rows("events")[3]["t"]
    assert text.startswith(f"run {telescope.run.run_id} (pictures) · drift_tubes_v2 · event 3\n")
    assert f"t = {t:,} ticks = {t * TICK_NS / 1e6:,.6f} ms" in text
    since = float(text.split("\n")[1].split(" UTC")[0].split(":")[-1])
    start = telescope.run.started_at
    assert since == pytest.approx(
        (start.second + start.microsecond / 1e6 + t * TICK_NS / 1e9) % 60, abs=2e-6
    )


def test_a_moment_means_the_event_then_or_the_next_one(telescope):
    engine, run, *_, names = telescope
    rows = telescope.rows("events")
    for number in (0, 7, len(rows) - 1):
        t, end = rows[number]["t"], rows[number]["t_end"]
        after_the_last = rows[number - 1]["t_end"] if number else -10
        for at in (t, end - 1, t - 1, after_the_last):
            found = read(engine, run, names, at=at)
            assert (found.t, found.number) == (t, number)
    with pytest.raises(UsageError, match="no event that ends after"):
        read(engine, run, names, at=rows[-1]["t_end"])
    with pytest.raises(UsageError, match=f"no event {len(rows)} in this range"):
        read(engine, run, names, len(rows))


def test_without_segments_all_hits_are_drawn_as_of_none(telescope, events):
    names = {"events": telescope.names["events"]}
    event = read(telescope.engine, telescope.run, names, 0)
    assert drifts(telescope.run.detector, event)["drift_mm"].null_count() == len(event.hits)
    figure = draw(telescope.run, event)
    assert not any(len(c.get_offsets()) for c in collections(figure.axes[1], EllipseCollection))


def test_a_detector_without_places_is_refused(telescope, events):
    run = Run(1, "deep sea", "closed", load("km3net").source, telescope.run.started_at, cell=1)
    nothing = Event(0, 0, pl.DataFrame(), events[0].segments, events[0].tracks)
    with pytest.raises(UsageError, match="position_mm"):
        draw(run, nothing)

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from matplotlib.colors import LogNorm

from db.catalogue.runs import Run
from db.detector import load
from db.errors import UsageError
from ops.plot.occupancy import count, draw

NOW = datetime(2026, 11, 21, tzinfo=UTC)
TELESCOPE = Run(3, "x", "closed", load("drift_tubes_v2").source, NOW, 1)


def maps(figure):
    return [axes.collections[0] for axes in figure.axes if axes.get_title(loc="left")]


def counted_in(telescope, run):
    return count(telescope.engine, replace(telescope.names["hits"], run=run))


def wires(n_hits):
    grid = np.indices((4, 4, 16)).reshape(3, -1) + np.array([[0], [1], [1]])
    columns = dict(zip(("chamber", "layer", "wire"), grid, strict=True))
    return pl.DataFrame({**columns, "n_hits": n_hits})


def test_hits_are_counted_wire_by_wire(telescope):
    found = counted_in(telescope, telescope.run)
    hits = telescope.words.filter("hit", pl.col("wire") > 0)
    expected = Counter(hits.select("chamber", "layer", "wire").rows())
    assert {tuple(wire): n for *wire, n in found.iter_rows()} == expected
    assert len(found) == 256


def test_wires_without_a_hit_are_there_and_marked(telescope):
    one = telescope.run.detector.selection("chamber == 2 and layer == 3 and wire == 7")
    found = count(telescope.engine, replace(telescope.names["hits"], where=one))
    assert len(found) == 256
    its = telescope.words.filter("hit", chamber=2, layer=3, wire=7)
    assert found.filter(pl.col("n_hits") > 0).rows() == [(2, 3, 7, len(its))]
    axes = draw(telescope.run, found).axes[2]
    marks = {tuple(mark) for mark in axes.lines[0].get_xydata()}
    assert marks == {(x, y) for x in range(1, 17) for y in range(1, 5)} - {(7, 3)}


def test_the_map_shows_each_count_at_its_layer_and_wire():
    n_hits = np.random.default_rng(1).permutation(256) + 1
    figure = draw(TELESCOPE, wires(n_hits))
    for chamber, drawn in enumerate(maps(figure)):
        assert drawn.get_array().tolist() == n_hits.reshape(4, 4, 16)[chamber].tolist()
        corners = drawn.get_coordinates()
        assert corners[0, 0].tolist() == [0.5, 0.5]
        assert corners[-1, -1].tolist() == [16.5, 4.5]
        assert f"{n_hits.reshape(4, -1)[chamber].sum():,} hits" in figure.axes[chamber].get_title(
            loc="left"
        )


def test_one_hot_wire_does_not_leave_the_others_dark():
    n_hits = np.full(256, 100)
    n_hits[77] = 10**6
    figure = draw(TELESCOPE, wires(n_hits))
    assert {m.norm.vmax for m in maps(figure)} == {300}
    assert figure.axes[-1].get_ylim()[1] == 300


def test_elements_of_two_numbers_give_one_map_by_their_rank():
    numbers = np.repeat([806_451_572, 7, 808_000_000], 31)
    counted = pl.DataFrame({"module": numbers, "pmt": np.tile(np.arange(31), 3), "n_hits": 5})
    run = Run(1, "sea", "closed", load("km3net").source, NOW, 1)
    (drawn,) = maps(draw(run, counted[:-1]))
    expected = np.full((3, 31), 5.0)
    expected[2, 30] = np.nan
    assert drawn.get_array().filled(np.nan) == pytest.approx(expected, nan_ok=True)


def test_without_a_shape_channels_give_a_histogram(telescope):
    bare = load("drift_tubes_v2").source.split("[shape]")[0]
    run = Run(telescope.run.run_id, "bare", "closed", bare, NOW, 1)
    found = counted_in(telescope, run)
    hits = telescope.words.filter("hit")
    expected = Counter((hits["fpga"].cast(pl.Int64) * 512 + hits["tdc_channel"]).to_list())
    assert dict(found.rows()) == expected
    (drawn,) = draw(run, found).axes[0].patches
    values, edges, _ = drawn.get_data()
    assert edges[[0, -1]].tolist() == [-0.5, 639.5]
    assert [values[channel] for channel in (0, 200, 639)] == [expected[0], 0, expected[639]]


def test_nothing_to_draw_is_said(telescope):
    before = replace(telescope.names["hits"], a=telescope.a - 10, b=telescope.a)
    with pytest.raises(UsageError, match="no hits in this range"):
        count(telescope.engine, before)


def test_a_camera_has_x_across_and_no_mark_on_each_of_its_dark_pixels():
    y, x = np.indices((256, 256)).reshape(2, -1)
    n_hits = np.where((x == 28) & (y == 97), 50, 0)
    counted = pl.DataFrame({"x": x, "y": y, "n_hits": n_hits})
    run = Run(1, "camera", "closed", load("timepix3").source, NOW, 1)
    for log in (False, True):
        figure = draw(run, counted, log=log)
        (drawn,) = maps(figure)
        assert np.argwhere(drawn.get_array().filled(0) > 0).tolist() == [[97, 28]]
        assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("x", "y")
        assert not len(figure.axes[0].lines[0].get_xdata() if figure.axes[0].lines else [])
        assert isinstance(drawn.norm, LogNorm) == log


def test_channels_have_whole_numbers_errors_and_a_logarithm_if_asked():
    counted = pl.DataFrame({"channel": [0, 1], "n_hits": [100, 400]})
    run = Run(1, "x", "closed", load("compass").source, NOW, 1)
    (axes,) = draw(run, counted).axes
    assert all(float(tick).is_integer() for tick in axes.get_xticks())
    (bars,) = axes.containers
    errors = [segment[:, 1].tolist() for segment in bars.lines[2][0].get_segments()]
    assert errors == [[90, 110], [380, 420]]
    (axes,) = draw(run, counted, log=True).axes
    assert axes.get_yscale() == "log"

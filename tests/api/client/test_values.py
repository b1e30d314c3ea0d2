"""What the client returns: histograms for whoever plots, ragged events, tables in a notebook."""

import numpy as np
import polars as pl
import pytest

from everyhit import ApiError, to_awkward
from everyhit.event import Event
from everyhit.histogram import Axis, Histogram
from everyhit.run import Run
from everyhit.tables import Listed


def test_a_histogram_counts_what_the_hits_say(client, run):
    of = client.histogram("wire", run.run_id, where="wire > 0", bins=16, low=0.5, high=16.5)
    wires = client.hits(run.run_id, where="wire > 0", columns=["wire"])["wire"].to_numpy()
    expected, edges = np.histogram(wires, 16, (0.5, 16.5))
    assert of.values().tolist() == expected.tolist()
    assert of.axes[0].edges == pytest.approx(edges)
    assert (of.below, of.above, of.outside, of.partial) == (0, 0, 0, "")
    narrow = client.histogram("wire", run.run_id, where="wire > 0", bins=3, low=5, high=8)
    assert (narrow.below, narrow.above) == ((wires < 5).sum(), (wires > 8).sum())


@pytest.mark.parametrize("bins", [3, 5, 100])
def test_bins_of_whole_numbers_have_as_many_each(client, run, bins):
    of = client.histogram("wire", run.run_id, bins=bins)
    edges = np.array(of.axes[0].edges)
    assert len(of.values()) <= bins
    assert set(edges % 1) == {0.5}
    assert len(set(np.diff(edges))) == 1
    wires = client.hits(run.run_id, columns=["wire"])["wire"].to_numpy()
    assert of.values().tolist() == np.histogram(wires, edges)[0].tolist()
    assert of.values().sum() == len(wires)
    places = client.histogram("x_mm", run.run_id, bins=bins)
    assert len(places.values()) == bins, "places are no whole numbers"


def test_pairs_lie_along_x_and_y(client, run):
    of = client.histogram2d(
        "wire",
        "layer",
        run.run_id,
        where="wire > 0",
        bins=(16, 4),
        low=(0.5, 0.5),
        high=(16.5, 4.5),
    )
    hits = client.hits(run.run_id, where="wire > 0")
    expected, _, _ = np.histogram2d(hits["wire"], hits["layer"], (16, 4), ((0.5, 16.5), (0.5, 4.5)))
    assert of.values().tolist() == expected.tolist()
    assert [axis.name for axis in of.axes] == ["wire", "layer"]


def test_a_histogram_is_one_of_uhi(client, run):
    from uhi.typing.plottable import PlottableHistogram

    of = client.histogram("wire", run.run_id, bins=5, low=2, high=7)
    assert isinstance(of, PlottableHistogram)
    assert list(of.axes[0])[-1] == (6.0, 7.0)
    assert of.variances().tolist() == of.counts().tolist()
    made = of.to_hist()
    assert made.values().tolist() == of.values().tolist()
    flow = made.view(flow=True)
    assert (flow[0], flow[-1]) == (of.below, of.above)
    assert made.axes[0].edges.tolist() == list(of.axes[0].edges)


def test_a_map_is_an_array_with_names():
    of = Histogram(
        (Axis("x", (0.0, 1.0, 2.0)), Axis("y", (0.0, 2.0, 4.0, 6.0))),
        np.arange(6.0).reshape(2, 3),
        "m",
    )
    array = of.to_xarray()
    assert float(array.sel(x=1.5, y=5.0)) == 5
    assert array.dims == ("x", "y")
    assert of.to_hist().values().tolist() == of.values().tolist()


def test_an_event_has_its_words(client, run):
    events = client.events(run.run_id, decode=True)
    for n in (0, 3, -1):
        event = client.event(n, run.run_id)
        row = events.row(n, named=True)
        assert (event.run, event.t, event.t_end) == (run.run_id, row["t"], row["t_end"])
        assert list(event.triggers) == row["triggers"]
        assert event.hits["t"].to_list() == row["word_t"]
        assert event.hits["wire"].to_list() == row["word_wire"]
        tick = float(run.detector.tick)
        assert event.hits["t_ns"].to_list() == [(t - row["t"]) * tick for t in row["word_t"]]
    later = client.event(0, run.run_id, at=events["t"][4] - 1)
    assert later.t == events["t"][4]
    chosen = events.filter(pl.col("n_words") > 8)
    assert client.event(1, run.run_id, where="n_words > 8").t == chosen["t"][1]


def test_what_was_found_in_an_event_lies_in_it(client, run):
    event = client.event(2, run.run_id)
    assert event.found.keys() >= {"segments"}
    for rows in event.found.values():
        assert rows["t"].is_between(event.t, event.t_end, closed="left").all()


def test_an_event_that_is_not_there_is_one_line(client, run):
    n = len(client.events(run.run_id))
    for wrong in (n, -n - 1, 5000):
        with pytest.raises(ApiError, match=f"no event {wrong} of events in this run"):
            client.event(wrong, run.run_id)


def test_pictures_are_drawn(client, run):
    import matplotlib as mpl

    mpl.use("Agg")
    event = client.event(0, run.run_id)
    axes = event.plot()
    shown = event.hits.filter("hit").drop_nulls(list(event.position))
    assert len(shown) > 2
    assert len(axes.collections[0].get_offsets()) == len(shown)
    bars = client.histogram("wire", run.run_id, bins=5).plot(log=True)
    assert bars.get_yscale() == "log"
    client.histogram2d("wire", "layer", run.run_id).plot()


def test_events_are_ragged_records(client, run):
    frame = client.events(run.run_id, decode=True)
    events = to_awkward(frame)
    assert len(events) == len(frame)
    assert events.words.wire[3].tolist() == frame["word_wire"][3].to_list()
    assert events.t.tolist() == frame["t"].to_list()
    assert to_awkward(client.hits(run.run_id, 0, "10 ms")).wire.ndim == 1


def test_frames_go_to_pandas_and_arrow(client, run):
    hits = client.hits(run.run_id, 0, "50 ms", columns=["t", "wire"])
    assert hits.to_pandas()["wire"].tolist() == hits["wire"].to_list()
    assert hits.to_arrow().column("t").to_pylist() == hits["t"].to_list()


def test_runs_and_triggers_are_tables_in_a_notebook(client, run):
    one = client.run(run.run_id)
    assert isinstance(one, Run)
    assert (one.number, one.name, one.state) == (run.run_id, run.name, "CLOSED")
    assert "<td" in one._repr_html_()
    assert len(client.hits(one, 0, "10 ms")) == len(client.hits(run.run_id, 0, "10 ms"))
    listed = client.runs(first=5)
    assert listed._repr_html_().count("<tr>") == len(listed) + 1
    assert {"segments", "coincidence"} <= {each.name for each in client.triggers()}
    assert "segments" in client.triggers()._repr_html_()
    event = client.event(0, run.run_id)
    assert isinstance(event, Event)
    assert "tracks" in event._repr_html_()
    assert "<svg" in client.histogram("wire", run.run_id)._repr_html_()


def test_what_people_wrote_is_no_markup():
    assert "<b>" not in Listed([Axis("<b>", (0.0, 1.0))])._repr_html_()

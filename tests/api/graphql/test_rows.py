"""Candidates, events, windows: pages of what is committed, and counts of it."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.results import pages as row_pages
from db.results.ledger import current
from db.results.pages import count_rows_of, page_of_rows
from db.results.rows import list_lineages, read_committed
from everyhit import ApiError
from software_triggers.task.names import selection_over
from software_triggers.task.relations import read_frame
from software_triggers.window import Window

FAR = 2**40


def lineage(engine, run, name):
    """The one that the run began with."""
    return list_lineages(engine, run.run_id, name)[-1]


@given(
    n=st.integers(1, 400),
    a=st.integers(0, 500_000_000),
    length=st.integers(1, 700_000_000),
    least=st.integers(0, 3),
    at_once=st.sampled_from([20, 10_000]),
)
@settings(max_examples=8)
def test_pages_of_rows_put_together_are_all_rows(engine, run, n, a, length, least, at_once):
    of = lineage(engine, run, "segments")
    where = selection_over(of, f"chamber >= {least}")
    stored = read_committed(engine, of, run.cell, a, a + length).filter(pl.col("chamber") >= least)
    row_pages.AT_ONCE, before = at_once, row_pages.AT_ONCE
    found, after = [], None
    try:
        while True:
            page = page_of_rows(engine, run, of, a, a + length, where, max(n, 60), after)
            found += page.rows.to_dicts()
            if len(page.keys) < max(n, 60):
                break
            after = page.keys[-1]
    finally:
        row_pages.AT_ONCE = before
    assert [row["t"] for row in found] == stored["t"].to_list()
    assert sorted(map(repr, found)) == sorted(map(repr, stored.to_dicts()))
    assert count_rows_of(engine, run, of, a, a + length, where) == len(stored)


def test_rows_of_one_time_are_each_on_one_page(engine, changing_run):
    """A trigger that answers ten times at one moment, with rows that are equal, too."""
    from software_triggers.running.threads import run_stages
    from software_triggers.trigger import trigger

    @trigger(reach="0 ns")
    def many(hits: pl.DataFrame) -> pl.DataFrame:
        first = hits.filter(pl.col("wire") > 0).sort("t").head(1).select("t")
        k = pl.DataFrame({"k": [n % 3 for n in range(10)]}, schema={"k": pl.UInt8})
        return first.join(k, how="cross")

    run = changing_run
    (stage,) = run_stages(engine, run, {"many": many}, {"many": {}}, (0, run.cell))
    seen, after = [], None
    for _ in range(30):
        page = page_of_rows(engine, run, stage.lineage, -FAR, FAR, None, 3, after)
        seen += page.rows["k"].to_list() if page.keys else []
        if len(page.keys) < 3:
            break
        after = page.keys[-1]
    assert sorted(seen) == [0, 0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_candidates_come_with_a_selection_and_a_count(client, engine, run):
    got = client.graphql(
        """query($r: String!, $l: String!) { run(which: $r) {
        candidates(trigger: "segments", lineage: $l, first: 1000,
        where: "chamber == 1 and abs(slope) < 0.1") {
        totalCount lineage edges { node { t tS values } } } } }""",
        {"r": str(run.run_id), "l": lineage(engine, run, "segments").lineage},
    )["run"]["candidates"]
    of = lineage(engine, run, "segments")
    stored = read_committed(engine, of, run.cell, -FAR, FAR).filter(
        (pl.col("chamber") == 1) & (pl.col("slope").abs() < 0.1)
    )
    assert got["lineage"] == of.lineage
    assert got["totalCount"] == len(got["edges"]) == len(stored) > 10
    for edge, row in zip(got["edges"], stored.iter_rows(named=True), strict=True):
        values = edge["node"]["values"]
        assert edge["node"]["t"] == values["t"] == str(row["t"])
        assert values["hit_t"] == [str(t) for t in row["hit_t"]]
        assert values["wires"] == row["wires"]
        assert values["chi2"] == row["chi2"]


def test_one_event_has_its_words_decoded_and_what_was_found_in_it(client, engine, run):
    events = read_committed(engine, lineage(engine, run, "events"), run.cell, -FAR, FAR)
    event = events.row(3, named=True)
    got = client.graphql(
        """query($r: String!, $t: Ticks!) { run(which: $r) { event(t: $t) {
        event { t tEnd triggers nWords words { t tNs link raw hit values positionMm } }
        found { trigger rows } shape { kind positionMm } } } }""",
        {"r": str(run.run_id), "t": str(event["t"])},
    )["run"]["event"]
    words = got["event"]["words"]
    assert [int(w["t"]) for w in words] == event["word_t"]
    assert [int(w["raw"][0]) for w in words] == event["raw"]
    assert got["event"]["nWords"] == len(words) == event["n_words"]
    hits = read_frame(engine, run, Window(event["t"], event["t_end"]))
    mine = {
        (int(w["t"]), w["values"]["chamber"], w["values"]["layer"], w["values"]["wire"])
        for w in words
        if w["hit"]
    }
    assert mine == set(hits.select("t", "chamber", "layer", "wire").iter_rows())
    assert all(len(w["positionMm"]) == 2 for w in words)
    found = {each["trigger"]: each["rows"] for each in got["found"]}
    assert set(found) == {"tracks", "coincidence", "segments"}
    assert found["segments"]
    segments = read_committed(
        engine, lineage(engine, run, "segments"), run.cell, event["t"], event["t_end"]
    )
    assert [row["t"] for row in found["segments"]] == [str(t) for t in segments["t"]]


def test_windows_are_the_ledger_s(client, engine, run):
    stored = current(engine, run.run_id, lineage(engine, run, "tracks").lineage, -100, 100)
    ask = """query($r: String!, $after: String) { run(which: $r) {
        windows(trigger: "tracks", first: 4, after: $after, start: "-1 s", stop: "2 s") {
        pageInfo { hasNextPage endCursor } edges { node { cell start stop rows complete failed } }
        } } }"""
    got, after = [], None
    while True:
        page = client.graphql(ask, {"r": str(run.run_id), "after": after})["run"]["windows"]
        got += [edge["node"] for edge in page["edges"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert [int(w["cell"]) for w in got] == stored["cell"].to_list()
    assert [int(w["rows"]) for w in got] == stored["n_rows"].to_list()
    assert all(int(w["stop"]) - int(w["start"]) == run.cell for w in got)


@pytest.mark.parametrize("of", ["hits", "segments"])
def test_a_histogram_counts_as_numpy_does(client, engine, run, of):
    column = "wire" if of == "hits" else "slope"
    if of == "hits":
        values = read_frame(engine, run, Window(-FAR, FAR)).filter(pl.col("chamber") == 1)[column]
    else:
        rows = read_committed(engine, lineage(engine, run, of), run.cell, -FAR, FAR)
        values = rows.filter(pl.col("chamber") == 1)[column]
    ask = """query($r: String!, $of: String!, $c: String!, $lo: Float, $hi: Float, $l: String) {
        run(which: $r) { histogram(of: $of, lineage: $l, column: $c, bins: 7, low: $lo, high: $hi,
        where: "chamber == 1") { low high counts below above } } }"""
    for low, high in ((None, None), (-0.05, 0.3) if of == "segments" else (2.5, 9.5)):
        given = {"r": str(run.run_id), "of": of, "c": column, "lo": low, "hi": high}
        if of != "hits":
            given["l"] = lineage(engine, run, of).lineage
        got = client.graphql(ask, given)["run"]["histogram"]
        x = values.to_numpy().astype(float)
        counts, _ = np.histogram(x, 7, (got["low"], got["high"]))
        assert got["counts"] == counts.tolist()
        assert got["below"] == (x < got["low"]).sum()
        assert got["above"] == (x > got["high"]).sum()
        if low is None:
            assert (got["low"], got["high"]) == (x.min(), x.max())


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ('candidates(trigger: "nothing") { lineage }', "those that have"),
        ('candidates(trigger: "segments", where: "chambr == 1") { lineage }', "did you mean"),
        ('candidates(trigger: "segments", where: "1 = 1 OR sleep(3)") { lineage }', "chambe|="),
        ('candidates(trigger: "segments", lineage: "\' OR 1 --") { lineage }', "no lineage"),
        ('histogram(column: "t`, 1) FROM tokens --") { low }', "no column"),
        ('histogram(of: "segments", column: "hit_t`") { low }', "no column"),
        ('events(trigger: "segments") { lineage }', "builds no events"),
        ('event(t: "5") { event { t } }', "no event at 5"),
        ('windows(trigger: "x\\"y") { pageInfo { hasNextPage } }', "no results"),
    ],
)
def test_mistakes_are_told(client, run, field, said):
    with pytest.raises(ApiError, match=said) as told:
        client.graphql(f'{{ run(which: "{run.run_id}") {{ {field} }} }}')
    assert told.value.code in ("usage", "selection")


@pytest.mark.parametrize("of", ["hits", "segments"])
def test_a_histogram_of_two_columns_counts_as_numpy_does(client, engine, run, of):
    if of == "hits":
        rows, x, y = read_frame(engine, run, Window(-FAR, FAR)), "wire", "layer"
    else:
        lineage_ = lineage(engine, run, of)
        rows, x, y = read_committed(engine, lineage_, run.cell, -FAR, FAR), "slope", "x_mm"
    rows = rows.filter(pl.col("chamber") == 1)
    ask = """query($r: String!, $of: String!, $x: String!, $y: String!, $lo: Float, $hi: Float,
        $l: String) { run(which: $r) { histogram2d(of: $of, lineage: $l, x: $x, y: $y, xBins: 7,
        yBins: 4, xLow: $lo, xHigh: $hi, where: "chamber == 1") {
        x { low high bins } y { low high bins } counts outside } } }"""
    for low, high in ((None, None), (-0.05, 0.3) if of == "segments" else (2.5, 9.5)):
        given = {"r": str(run.run_id), "of": of, "x": x, "y": y, "lo": low, "hi": high}
        if of != "hits":
            given["l"] = lineage(engine, run, of).lineage
        got = client.graphql(ask, given)["run"]["histogram2d"]
        ends = [(got[axis]["low"], got[axis]["high"]) for axis in "xy"]
        counts, _, _ = np.histogram2d(rows[x], rows[y], (7, 4), ends)
        assert got["counts"] == counts.T.ravel().tolist()
        assert got["outside"] == len(rows) - counts.sum()
        if low is None:
            assert ends[0] == (rows[x].min(), rows[x].max())


def test_an_event_is_found_by_any_time_in_it_and_tells_how_its_words_came(client, engine, run):
    events = read_committed(engine, lineage(engine, run, "events"), run.cell, -FAR, FAR)
    event = events.row(3, named=True)
    ask = """query($r: String!, $t: Ticks!) { run(which: $r) { eventAt(t: $t) { lineage
        event { t words { t link } } found { trigger lineage }
        broughtBy { link seq tFirst tLast words dropped recordedAt } } } }"""

    def at(t):
        return client.graphql(ask, {"r": str(run.run_id), "t": str(t)})["run"]["eventAt"]

    for t in (event["t"], event["t_end"] - 1):
        assert at(t)["event"]["t"] == str(event["t"])
    assert at(events["t"].min() - 1) is None
    behind = at(event["t_end"])
    assert behind is None or int(behind["event"]["t"]) == event["t_end"]
    got = at(event["t"])
    assert got["lineage"] == lineage(engine, run, "events").lineage
    for each in got["found"]:
        assert each["lineage"] == lineage(engine, run, each["trigger"]).lineage
    for word in got["event"]["words"]:
        assert any(
            chunk["link"] == word["link"]
            and int(chunk["tFirst"]) <= int(word["t"]) <= int(chunk["tLast"])
            and not chunk["dropped"]
            for chunk in got["broughtBy"]
        )
    for chunk in got["broughtBy"]:
        assert int(chunk["tFirst"]) < event["t_end"]
        assert int(chunk["tLast"]) >= event["t"]

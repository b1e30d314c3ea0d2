"""Each format, read back by the reader that people use for it, has what the store has."""

import io

import awkward as ak
import h5py
import numpy as np
import polars as pl
import pytest
import uproot

from api.export import batches
from db.results.rows import list_lineages, read_committed
from software_triggers.task.relations import read_frame
from software_triggers.window import Window

FAR = 2**40


@pytest.fixture(params=[10**6, 400])
def at_once(request, monkeypatch):
    """All in one batch, or many batches."""
    monkeypatch.setattr(batches, "HITS_AT_ONCE", request.param)
    monkeypatch.setattr(batches, "ROWS_AT_ONCE", request.param // 20)


@pytest.fixture
def hits(engine, run) -> pl.DataFrame:
    frame = read_frame(engine, run, Window(-FAR, FAR))
    return frame[np.argsort(frame["t"].to_numpy(), kind="stable")]


@pytest.fixture
def events(engine, run) -> pl.DataFrame:
    lineage = list_lineages(engine, run.run_id, "events")[-1]
    return read_committed(engine, lineage, run.cell, -FAR, FAR)


def get(http, run, what, **params) -> bytes:
    answer = http.get(f"/export/{run.run_id}/{what}", params=params)
    assert answer.status_code == 200, answer.text
    return answer.content


def test_parquet(http, run, hits, events, at_once):
    assert pl.read_parquet(get(http, run, "hits", format="parquet")).equals(hits)
    got = pl.read_parquet(get(http, run, "events", format="parquet"))
    assert got.to_dicts() == events.to_dicts()


def test_csv(http, run, hits, events, at_once):
    got = pl.read_csv(get(http, run, "hits", format="csv"), schema=hits.schema)
    assert got.equals(hits)
    lines = pl.read_csv(get(http, run, "events", format="csv"), infer_schema=False)
    lists = lines.select(pl.col("raw").str.split(" ").cast(pl.List(pl.UInt64)))
    assert lists["raw"].to_list() == events["raw"].to_list()


def test_hdf5(http, run, hits, events, at_once):
    with h5py.File(io.BytesIO(get(http, run, "hits", format="hdf5"))) as h5:
        assert h5["hits"].attrs["run"] == run.run_id
        assert pl.DataFrame({n: h5["hits"][n][:] for n in hits.columns}).equals(hits)
    with h5py.File(io.BytesIO(get(http, run, "events", format="hdf5"))) as h5:
        group = h5["events"]
        for name in ("word_t", "raw", "triggers"):
            lists = np.split(group[name][:], group[f"{name}.offsets"][1:-1])
            expected = events[name].to_list()
            if name == "triggers":
                lists = [[each.decode() for each in some] for some in lists]
            assert [list(some) for some in lists] == expected


def test_root_with_jagged_hits(http, run, hits, events, at_once, tmp_path):
    (tmp_path / "hits.root").write_bytes(get(http, run, "hits", format="root"))
    with uproot.open(tmp_path / "hits.root") as file:
        tree = file["hits"].arrays(library="np")
    assert pl.DataFrame({n: tree[n] for n in hits.columns}).equals(hits)
    (tmp_path / "events.root").write_bytes(get(http, run, "events", format="root", decode="true"))
    with uproot.open(tmp_path / "events.root") as file:
        got = file["events"].arrays()
    assert got["t"].tolist() == events["t"].to_list()
    assert got["word_t"].tolist() == events["word_t"].to_list()
    assert got["raw"].tolist() == events["raw"].to_list()
    assert got["triggers"].tolist() == [" ".join(some) for some in events["triggers"]]
    # A sound word of an event is a hit of the run, decoded the same way.
    sound = got["word_hit"]
    flat = {name: ak.to_numpy(ak.flatten(got[f"word_{name}"][sound])) for name in hits.columns[2:]}
    in_events = pl.DataFrame({"t": ak.to_numpy(ak.flatten(got["word_t"][sound])), **flat})
    there = hits.drop("link").with_columns(pl.lit(True).alias("there"))
    found = in_events.join(there, on=[*in_events.columns], how="left")
    assert len(in_events) > 100
    assert found["there"].all()


def test_an_empty_range_is_a_whole_file(http, run, tmp_path):
    where = {"where": "t < 0 and t > 0", "start": "0", "stop": "10"}
    for fmt in ("arrow", "parquet", "csv", "hdf5", "root"):
        for what in ("hits", "events"):
            body = get(http, run, what, format=fmt, **where)
            match fmt:
                case "arrow":
                    assert len(pl.read_ipc_stream(body)) == 0
                case "parquet":
                    assert len(pl.read_parquet(body)) == 0
                case "csv":
                    assert body.count(b"\n") == 1
                case "hdf5":
                    with h5py.File(io.BytesIO(body)) as h5:
                        assert h5[what]["t"].shape == (0,)
                case "root":
                    (tmp_path / "empty.root").write_bytes(body)
                    with uproot.open(tmp_path / "empty.root") as file:
                        assert file[what].num_entries == 0


def test_candidates_of_a_trigger_by_name(http, run, engine):
    lineage = list_lineages(engine, run.run_id, "segments")[-1]
    stored = read_committed(engine, lineage, run.cell, -FAR, FAR).filter(pl.col("chamber") == 2)
    body = get(
        http, run, "candidates", trigger="segments", lineage=lineage.lineage, where="chamber == 2"
    )
    got = pl.read_ipc_stream(body)
    assert len(got) > 10
    assert got.to_dicts() == stored.to_dicts()


@pytest.mark.parametrize(
    ("what", "params", "said"),
    [
        ("hits", {"format": "xml"}, "formats: arrow, arrow-file, parquet, csv, hdf5, root"),
        ("hits", {"columns": "chamber,colour"}, "have no column 'colour'"),
        ("hits", {"start": "5 s", "stop": "1 s"}, "empty"),
        ("hits", {"start": "yesterday"}, "write ticks"),
        ("tracks", {}, "candidates with ?trigger="),
        ("candidates", {"trigger": "nothing"}, "those that have"),
        ("candidates", {"trigger": "tracks", "lineage": "x' OR 1"}, "has no lineage"),
        ("candidates", {"trigger": "segments", "decode": "1"}, "keep no words"),
    ],
)
def test_mistakes_are_one_line(http, run, what, params, said):
    answer = http.get(f"/export/{run.run_id}/{what}", params=params)
    assert answer.status_code == 400
    assert said in answer.json()["message"]

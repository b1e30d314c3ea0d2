"""`everyhit export`: every format holds the same rows, and a file is whole or not there."""

import json
import os
import subprocess

import command
import h5py
import numpy as np
import polars as pl
import pyarrow as pa
import pytest
import uproot

from db.detector import load
from readout.simulator.noise import noise

PAIRS = """\
-- trigger: pairs
-- reach: 1 us
SELECT t, chamber, wire FROM hits WHERE layer = 2 AND wire > 0
"""


def everyhit(*arguments, code=0, **env):
    return command.everyhit(*arguments, code=code, env=os.environ | env)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exports")
    made = noise(load("drift_tubes_v2"), 1, 0, 30_000_000, 1e6)
    made.words.tofile(folder / "words")
    (folder / "pairs.sql").write_text(PAIRS)
    given = ("--detector", "drift_tubes_v2", "--store", folder / "store", "--trigger", "pairs")
    everyhit("ingest", folder / "words", *given, EVERYHIT_TRIGGERS=str(folder))
    return folder / "store"


def of_arrow(file):
    return pl.from_arrow(pa.ipc.open_file(file).read_all())


def of_stream(file):
    return pl.from_arrow(pa.ipc.open_stream(file).read_all())


def of_hdf5(file):
    with h5py.File(file) as made:
        group = next(iter(made.values())) if "t" not in made else made
        return pl.DataFrame({name: group[name][:] for name in group})


def of_root(file):
    with uproot.open(file) as made:
        (tree,) = (made[key] for key in made if made[key].classname == "TTree")
        return pl.DataFrame(tree.arrays(library="np"))


READERS = {
    "csv": pl.read_csv,
    "parquet": pl.read_parquet,
    "arrow": of_arrow,
    "arrows": of_stream,
    "h5": of_hdf5,
    "hdf5": of_hdf5,
    "root": of_root,
}


@pytest.mark.parametrize("what", ["hits", "pairs"])
def test_each_format_holds_what_a_query_finds(store, tmp_path, what):
    asked = f"SELECT t, chamber, wire FROM {what} WHERE chamber = 2 ORDER BY t, wire"
    lines = everyhit("query", asked, "--bare", "--json", "--store", store).splitlines()
    found = [tuple(json.loads(line).values()) for line in lines]
    assert len(found) > 100
    for ending, read in READERS.items():
        out = tmp_path / f"rows.{ending}"
        given = ("--where", "chamber == 2", "--columns", "t,chamber,wire", "--store", store)
        told = json.loads(everyhit("export", what, "--out", out, *given, "--json"))
        rows = read(out).select("t", "chamber", "wire").cast(pl.Int64).sort("t", "wire").rows()
        assert rows == [tuple(map(int, row)) for row in found]
        assert (told["rows"], told["bytes"]) == (len(rows), out.stat().st_size)
    assert {path.suffix[1:] for path in tmp_path.iterdir()} == READERS.keys()


def test_a_range_is_cut(store, tmp_path):
    out = tmp_path / "some.parquet"
    everyhit("export", "hits", "--out", out, "--from", "110ms", "--to", "111ms", "--store", store)
    t = pl.read_parquet(out)["t"].to_numpy()
    assert 800 < len(t) < 1200
    tick_ns = float(load("drift_tubes_v2").tick)
    assert 110e6 <= t.min() * tick_ns <= t.max() * tick_ns < 111e6
    assert (np.diff(t) >= 0).all()


@pytest.mark.parametrize(
    ("what", "out", "options", "line"),
    [
        ("hits", "rows.xls", (), "a file ends with .arrows, .arrow, .parquet, .csv, .h5, .root"),
        ("hits", "rows", (), "a file ends with"),
        ("hits", "no/such/folder/rows.csv", (), "No such file or directory"),
        ("tracks", "rows.csv", (), "trigger tracks has no results in run 1"),
        ("hits", "rows.csv", ("--columns", "t,wyre"), "have no column 'wyre'"),
        ("hits", "rows.csv", ("--where", "wyre == 1"), "wyre"),
        ("pairs", "rows.csv", ("--lineage", "0abc"), "no lineage 0abc"),
        ("pairs", "rows.csv", ("--decode",), "keep no words to decode"),
    ],
)
def test_what_cant_be_written_is_one_line_and_leaves_nothing(
    store, tmp_path, what, out, options, line
):
    said = everyhit("export", what, "--out", tmp_path / out, *options, "--store", store, code=1)
    assert line in said
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_nothing_that_passes_for_the_whole(store, tmp_path):
    out = tmp_path / "rows.csv"
    out.write_text("what was there before")
    limited = ["bash", "-c", 'ulimit -f 8; "$@"', "bash", *command.EVERYHIT]
    given = ("export", "hits", "--out", str(out), "--store", str(store))
    done = subprocess.run([*limited, *given], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1, done.stderr
    assert f"can't write {out}: File too large" in done.stderr
    assert out.read_text() == "what was there before"
    assert list(tmp_path.iterdir()) == [out]


def test_files_of_words_come_back_as_they_were(tmp_path):
    rng, where = np.random.default_rng(2), ["--store", tmp_path / "store"]
    heads = rng.choice([4, 6, 7, 11, 11, 11], 5000).astype(np.uint64) << np.uint64(60)
    words = rng.integers(0, 2**60, 5000, np.uint64) | heads
    files = [tmp_path / "a.tpx3", tmp_path / "b.tpx3"]
    for file, part in zip(files, (words[:3000], words[3000:]), strict=True):
        file.write_bytes(part.astype("<u8").tobytes())
    take = ["ingest", "--detector", "timepix3", "--force", "--after", *where]
    everyhit(*take, *files, "--as-recorded", "--run", "both")
    everyhit(*take, files[0], "--as-recorded", "--run", "one")
    everyhit(*take, files[0], "--run", "plain")
    back = ["export", "--as-recorded", *where]
    told = json.loads(everyhit(*back, "--run", "both", "--out", tmp_path / "back", "--json"))
    assert told["bytes"] == 40_000
    for file in files:
        assert (tmp_path / "back" / file.name).read_bytes() == file.read_bytes()
    everyhit(*back, "--run", "one", "--out", tmp_path / "again.tpx3")
    assert (tmp_path / "again.tpx3").read_bytes() == files[0].read_bytes()
    out = ["--out", tmp_path / "no.tpx3"]
    assert "take its file in with" in everyhit(*back, "--run", "plain", *out, code=1)
    assert "goes with --run alone" in everyhit(*back, "--where", "x > 3", *out, code=1)
    assert "without --prefilter" in everyhit(*take, files[0], "--as-recorded", "--pace", 2, code=1)
    assert not list(tmp_path.glob("no.tpx3*"))

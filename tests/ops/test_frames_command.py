"""A stack of frames goes in by its declaration, and what was left out stays in the books."""

import json

import h5py
import numpy as np
import pytest
from command import everyhit

DECLARED = """
name = "pixels"
title = "An area detector"

[table]
time = { frame = "1 ms" }
threshold = 3

[table.values]
x = { column = "x", type = "uint12" }
y = { column = "y", type = "uint12" }
counts = { column = "value", type = "uint16" }
frame = { column = "frame", type = "uint24" }
"""


@pytest.fixture
def detector(tmp_path):
    path = tmp_path / "pixels.toml"
    path.write_text(DECLARED)
    return path


def write_frames(path, stack):
    with h5py.File(path, "w") as out:
        out.create_dataset("entry/data", data=stack, compression="gzip")
    return path


@pytest.mark.slow
@pytest.mark.parametrize("pace", [[], ["--pace", "20"]])
def test_frames_of_two_files_are_stored_and_booked(tmp_path, detector, pace):
    stack = np.random.default_rng(7).poisson(1.5, (400, 5, 7)).astype(np.uint16)
    stack[:20] = stack[390:] = 1  # dark at both ends
    files = [write_frames(tmp_path / f"{n}.h5", stack) for n in range(2)]
    checked = json.loads(everyhit("detector", "check", files[0], "--detector", detector, "--json"))
    n_hits, n_dark = int((stack > 3).sum()), int(((stack > 0) & (stack <= 3)).sum())
    assert (checked["hits"], checked["frames"], checked["suppressed"]) == (n_hits, 400, n_dark)
    where = ["--store", tmp_path / "store", "--json"]
    stored = json.loads(
        everyhit("ingest", *files, "--after", "--detector", detector, *pace, *where)
    )
    assert (stored["words"], stored["frames"], stored["suppressed"]) == (
        2 * n_hits,
        800,
        2 * n_dark,
    )
    query = "SELECT t, frame, x, y, counts FROM hits ORDER BY t, y, x"
    hits = [json.loads(line) for line in everyhit("query", query, *where).splitlines()]
    built = np.zeros_like(stack)
    for hit in hits[:n_hits]:
        built[int(hit["frame"]), int(hit["y"]), int(hit["x"])] = int(hit["counts"])
    assert (built == np.where(stack > 3, stack, 0)).all()
    back = tmp_path / "back.h5"
    out = ["--out", back, "--frames", "5x7", "--where", f"t <= {hits[n_hits - 1]['t']}"]
    everyhit("export", "hits", *out, *where)
    with h5py.File(back) as file:
        numbers = file["hits/frame"][:]
        assert numbers.tolist() == np.flatnonzero((stack > 3).any(axis=(1, 2))).tolist()
        assert (file["hits/counts"][:] == built[numbers]).all()
        assert (np.diff(file["hits/t"][:]) == np.diff(numbers)).all()
    for wrong, says in [
        (["--frames", "4x7"], "outside of frames of 4 rows and 7 columns"),
        (["--frames", "4"], "write rows and columns of a frame"),
        (["--frames", "5x7", "--columns", "t"], "frames are of hits in an HDF5 file"),
    ]:
        fault = everyhit("export", "hits", "--out", tmp_path / "n.h5", *wrong, *where, code=1)
        assert says in fault
        assert not (tmp_path / "n.h5").exists()
    query = "SELECT a, b, dead, n_lost, detail FROM gaps WHERE cause = 'threshold' ORDER BY a"
    gaps = [json.loads(line) for line in everyhit("query", query, *where).splitlines()]
    assert sum(int(gap["n_lost"]) for gap in gaps) == 2 * n_dark
    assert {(bool(gap["dead"]), gap["detail"]) for gap in gaps} == {(False, "above 3")}
    first = int(hits[0]["t"]) - int(hits[0]["frame"])
    spans = [(int(gap["a"]), int(gap["b"])) for gap in gaps]
    assert spans == [(first, first + 400), (first + 400, first + 800)]


@pytest.mark.slow
def test_frames_without_a_hit_leave_no_run(tmp_path, detector):
    dark = write_frames(tmp_path / "dark.h5", np.ones((4, 5, 7), np.uint16))
    store = ["--store", tmp_path / "store"]
    fault = everyhit("ingest", dark, "--detector", detector, *store, code=1)
    assert "dark.h5: none of its 4 frames has a pixel above the threshold" in fault
    assert "Traceback" not in fault

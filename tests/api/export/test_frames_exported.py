"""Frames come back from their hits, however these come in batches."""

import io

import h5py
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from api.export import frames
from api.export.rows import Rows
from db.catalogue.runs import open_run
from db.detector import loads
from db.errors import UsageError
from db.words.hits_view import create_views
from readout.readout import Readout
from readout.source.open import open_source

PIXELS = frames.Pixels("x", "y", "counts", ("t", "frame"), 3, 4)


def rows_of(stack, cuts):
    number, y, x = np.nonzero(stack)
    columns = {"t": 10 * number, "frame": number, "x": x, "y": y, "counts": stack[number, y, x]}
    table = pa.table(columns)
    edges = [0, *sorted(min(cut, len(x)) for cut in cuts), len(x)]
    parts = [table.slice(a, b - a) for a, b in zip(edges, edges[1:], strict=False)]
    return Rows("hits", table.schema, (b for part in parts for b in part.to_batches()))


@settings(max_examples=60, deadline=None)
@given(
    stack=arrays.arrays(np.uint16, (6, 3, 4), elements=st.integers(0, 3), fill=st.just(0)),
    cuts=st.lists(st.integers(0, 72), max_size=4),
    at_once=st.sampled_from([1, 30, 1 << 22]),
)
def test_frames_with_hits_come_back(stack, cuts, at_once):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frames, "_PIXELS", at_once)
        written = b"".join(frames.frames_hdf5(rows_of(stack, cuts), PIXELS))
    lit = np.flatnonzero(stack.any(axis=(1, 2)))
    with h5py.File(io.BytesIO(written)) as file:
        assert file["hits/frame"][:].tolist() == lit.tolist()
        assert file["hits/t"][:].tolist() == (10 * lit).tolist()
        assert file["hits/counts"].shape == (len(lit), 3, 4)
        assert (file["hits/counts"][:] == stack[lit]).all()


def test_a_detector_without_frames_has_none():
    declared = 'name = "a"\ntitle = "A"\n[table]\ntime = { t0 = "1 ns" }\n'
    with pytest.raises(UsageError, match="a declares no frames"):
        frames.pixels_of(loads(declared), 3, 4)
    declared = declared.replace("t0", "frame") + "threshold = 1\n[table.values]\n"
    with pytest.raises(UsageError, match="a declares no frames"):
        frames.pixels_of(loads(declared), 3, 4)
    values = (
        'x = "x"\nrow = { column = "y", type = "int9" }\ne = { column = "value", unit = 0.5 }\n'
    )
    found = frames.pixels_of(loads(declared + values + 'frame = "frame"\n'), 3, 4)
    assert (found.x, found.y, found.value, found.beside) == ("x", "row", "e", ("t", "frame"))


def test_frames_come_back_over_http(engine, http, tmp_path):
    stack = np.random.default_rng(3).poisson(1.0, (40, 3, 4)).astype(np.uint16)
    with h5py.File(tmp_path / "stack.h5", "w") as out:
        out["entry/data"] = stack
    detector = loads("""
        name = "camera"
        title = "Frames over HTTP"
        [table]
        time = { frame = "1 ms" }
        threshold = 2
        [table.values]
        x = { column = "x", type = "uint12" }
        y = { column = "y", type = "uint12" }
        counts = { column = "value", type = "uint16" }
        frame = { column = "frame", type = "uint24" }
    """)
    run = open_run(engine, detector, name="frames over HTTP", cell=10**9)
    create_views(engine, detector)
    with Readout(engine, run) as readout:
        for block in open_source(tmp_path / "stack.h5", detector).blocks:
            readout.push(block)
    asked = {"format": "hdf5", "frames": "3x4"}
    answer = http.get(f"/export/{run.run_id}/hits", params=asked)
    assert answer.status_code == 200, answer.text
    with h5py.File(io.BytesIO(answer.content)) as back:
        lit = back["hits/frame"][:]
        assert (lit == np.flatnonzero((stack > 2).any(axis=(1, 2)))).all()
        assert (back["hits/counts"][:] == np.where(stack > 2, stack, 0)[lit]).all()
    for wrong in ({"frames": "3"}, {"format": "csv"}, {"columns": "t"}, {"frames": "2x4"}):
        answer = http.get(f"/export/{run.run_id}/hits", params=asked | wrong)
        assert answer.status_code == 400, wrong
        assert "frames" in answer.text

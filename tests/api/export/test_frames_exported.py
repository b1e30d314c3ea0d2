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
from db.detector import loads
from db.errors import UsageError

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

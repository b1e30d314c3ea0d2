"""The truth on disk gives back what was put in, whatever the pieces."""

from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from ops.demo.truth import PIECE_TICKS, Truth

lengths = st.lists(st.integers(1, PIECE_TICKS), min_size=1, max_size=12)


@given(lengths, st.data())
def test_what_was_put_comes_back_until_it_is_forgotten(lengths, data):
    with TemporaryDirectory() as folder:
        truth, start, kept = Truth(Path(folder)), 0, []
        for n in lengths:
            times = sorted(data.draw(st.lists(st.integers(start, start + n - 1), max_size=5)))
            truth.put(start, start + n, pl.DataFrame({"t0": times}, schema={"t0": pl.Int64}))
            kept += times
            start += n
        before = data.draw(st.integers(0, start))
        truth.forget(before)
        a, b = sorted(data.draw(st.tuples(st.integers(before, start), st.integers(before, start))))
        rows = truth.between(a, b)
        assert [t for t in kept if a <= t < b] == ([] if rows is None else rows["t0"].to_list())
        truth.forget(start + 1)
        assert not list(Path(folder).iterdir())


def test_nothing_was_ever_put(tmp_path):
    assert Truth(tmp_path).between(0, 10) is None

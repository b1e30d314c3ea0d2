from itertools import pairwise
from math import ceil

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from straight_muons import T_MAX_NS, TICK_NS, cells, hits_of, random_hits, random_muons

from software_triggers.library.segment_clusters import segment_clusters

MARGIN_NS = 10.0


def random_times(rng: np.random.Generator, n: int, span_ns: float) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "t": rng.integers(0, int(span_ns / TICK_NS) + 1, n),
            "chamber": rng.integers(0, 4, n, np.uint8),
        }
    )


def clusters(t0s: pl.DataFrame, hits: pl.DataFrame) -> pl.DataFrame:
    marks = t0s.with_columns(segment=True, hit=False, layer=9, wire=0)
    words = pl.concat(
        [hits.with_columns(segment=False, hit=True), marks], how="diagonal_relaxed"
    ).cast({"layer": pl.UInt8, "wire": pl.UInt16})
    return segment_clusters(words, tick_ns=TICK_NS, t_max_ns=T_MAX_NS, margin_ns=MARGIN_NS)


def hits_in(packed: list[int]) -> list[tuple[int, int, int]]:
    """Drift, layer and wire of each hit of a cluster, by arithmetic that shares nothing with it."""
    cells = [divmod(number, 4096) for number in packed]
    return [(drift, 1 + cell // 1024, cell % 1024) for drift, cell in cells]


@given(st.integers(0, 2**32), st.integers(0, 30), st.integers(0, 200))
@settings(deadline=None, max_examples=50)
def test_agrees_with_looking_at_all_hits_for_each_time(seed, n_times, n_hits) -> None:
    rng = np.random.default_rng(seed)
    hits, t0s = random_hits(rng, n_hits, 5e3), random_times(rng, n_times, 5e3)
    found = clusters(t0s, hits)
    before, after = ceil(MARGIN_NS / TICK_NS), ceil((T_MAX_NS + MARGIN_NS) / TICK_NS)
    expected = []
    for t0, chamber in sorted(t0s.iter_rows()):
        own = hits.filter(
            pl.col("t") >= t0 - before, pl.col("t") < t0 + after, chamber=chamber
        ).sort("t", "layer", "wire")
        told = own.select(pl.col("t") - t0, "layer", "wire").rows()
        expected.append((t0, chamber, len(own), told))
    assert [(*row, hits_in(packed)) for *row, packed in found.rows()] == expected


@given(st.integers(0, 2**32), st.lists(st.integers(1, 5000), min_size=1, max_size=8))
@settings(deadline=None, max_examples=30)
def test_rows_do_not_depend_on_where_windows_are_cut(seed, lengths) -> None:
    rng = np.random.default_rng(seed)
    hits, t0s = random_hits(rng, 300, 1e4), random_times(rng, 40, 1e4)
    reach = ceil((T_MAX_NS + MARGIN_NS) / TICK_NS) + 1
    edges = sorted({0, *np.cumsum(lengths).tolist(), 20_000})
    tiles = []
    for start, stop in pairwise(edges):
        near = pl.col("t").is_between(start - reach, stop + reach, closed="left")
        rows = clusters(t0s.filter(near).reverse(), hits.filter(near).reverse())
        tiles.append(rows.filter(pl.col("t").is_between(start, stop, closed="left")))
    whole = clusters(t0s, hits)
    assert_frame_equal(pl.concat(tiles), whole.filter(pl.col("t") < edges[-1]), check_exact=True)


def test_a_muon_leaves_its_four_hits_in_the_cluster() -> None:
    rng = np.random.default_rng(1)
    muons = random_muons(rng, 1e3, 0.1)
    hits = hits_of(muons, rng, noise=0)
    t0s = pl.DataFrame(
        {"t": np.rint(muons.t_ns / TICK_NS), "chamber": np.zeros(len(muons.t_ns))}
    ).cast({"t": pl.Int64, "chamber": pl.UInt8})
    found = clusters(t0s, hits)
    assert (found["n_hits"] == 4).mean() > 0.8  # the others cross an edge, or pile up
    full = found.filter(pl.col("n_hits") == 4)
    layers = [sorted(layer for _, layer, _ in hits_in(each)) for each in full["hits"]]
    assert layers == [[1, 2, 3, 4]] * len(full)


def test_times_without_hits_and_hits_without_times_are_fine() -> None:
    hits = cells([100.0], 2, 1, [4])
    t0s = pl.DataFrame({"t": [100, 100], "chamber": [2, 3]}, schema_overrides={"chamber": pl.UInt8})
    assert clusters(t0s, hits)["n_hits"].to_list() == [1, 0]
    assert clusters(t0s, hits.clear())["n_hits"].to_list() == [0, 0]
    assert clusters(t0s.clear(), hits).is_empty()
    assert clusters(t0s.clear(), hits).schema == clusters(t0s, hits).schema

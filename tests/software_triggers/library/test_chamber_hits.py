import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from straight_muons import cells, random_hits

from db.errors import TriggerError
from software_triggers.library.chamber_hits import by_chamber


@given(st.integers(0, 2**32), st.integers(0, 400), st.sampled_from([1.0, 1e4, 1e12]))
@settings(deadline=None, max_examples=40)
def test_hits_come_by_chamber_in_order_of_time_layer_and_wire(seed, n, span_ns) -> None:
    hits = random_hits(np.random.default_rng(seed), n, span_ns, chambers=3)
    burst = cells(np.full(50, span_ns / 2), 1, 2, np.arange(50) % 16 + 1)
    hits = pl.concat([hits, burst]).sample(fraction=1, shuffle=True, seed=seed)
    found = by_chamber(hits)
    assert len(found) == hits["chamber"].n_unique()
    for group, chamber in zip(found, hits["chamber"].unique().sort(), strict=True):
        own = hits.filter(chamber=chamber).sort("t", "layer", "wire")
        assert hits["chamber"][group.row] == chamber
        assert group.t.tolist() == own["t"].to_list()
        assert (group.layer + 1).tolist() == own["layer"].to_list()
        assert group.wire.tolist() == own["wire"].to_list()
        assert group.x_mm.tolist() == own["x_mm"].to_list()


def test_channels_without_a_wire_are_left_out() -> None:
    hits = cells([1.0, 2.0], 3, 1, [4, 5])
    special = hits.with_columns(chamber=pl.lit(255, pl.UInt8), layer=0, wire=0).cast(
        dict(hits.schema)
    )
    (group,) = by_chamber(pl.concat([special, hits, special]))
    assert group.wire.tolist() == [4, 5]
    assert by_chamber(special) == []


@pytest.mark.parametrize("place", [{"layer": 5}, {"layer": 0}, {"wire": 1024}])
def test_a_hit_in_no_cell_is_refused(place) -> None:
    hits = cells([1.0, 2.0], 0, 1, [4, 5]).with_columns(
        pl.when(pl.col("wire") == 5).then(value).otherwise(pl.col(name)).alias(name)
        for name, value in place.items()
    )
    name, value = next(iter(place.items()))
    with pytest.raises(TriggerError, match=f"'{name}': {value}"):
        by_chamber(hits)


def test_empty_values_are_refused() -> None:
    hits = cells([1.0, 2.0], 0, 1, [4, 5])
    with pytest.raises(TriggerError, match="column t has 1 empty values"):
        by_chamber(hits.with_columns(t=pl.Series([1, None])))


def test_hits_that_lie_too_far_apart_are_refused() -> None:
    hits = cells([1.0, 2.0], 0, 1, [4, 5])
    with pytest.raises(TriggerError, match="shorter range"):
        by_chamber(hits.with_columns(t=pl.Series([-(1 << 50), 1 << 50])))
    assert by_chamber(hits.with_columns(t=pl.Series([-(1 << 50), (1 << 50) - 1])))

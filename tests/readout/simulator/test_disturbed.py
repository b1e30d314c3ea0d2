"""What is added to muons' hits, against the same muons' hits without it."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from test_simulate import MS, PURE, hits, in_one_order, on_track, run, scope, v2

from db.detector import decode
from db.errors import UsageError
from readout.simulator.block import block_ticks
from readout.simulator.conditions import NAMED, REAL, Conditions
from readout.simulator.simulate import simulate
from readout.simulator.stream import joined

CELL = ["chamber", "layer", "wire"]


def added(**conditions: object) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Hits of muons in PURE conditions, and those that are there besides in others."""
    pure, more = hits(run(PURE)), hits(run(replace(PURE, **conditions)))
    assert pure["muon"].min() >= 0
    own = more.filter(pl.col("muon") >= 0)
    assert_in(own, pure)
    return pure, more.filter(pl.col("muon") < 0)


def assert_in(some: pl.DataFrame, every: pl.DataFrame) -> None:
    assert len(some.join(every, on=["t", "muon", *CELL], how="anti")) == 0


def near(n: float, expected: float) -> bool:
    return abs(n - expected) < 5 * expected**0.5


def test_after_pulses_follow_in_the_cell() -> None:
    pure, extra = added(after_pulses=0.1)
    assert near(len(extra), 0.095 * len(pure))  # who is chosen twice has one all the same
    before = extra.sort("t").join_asof(
        pure.sort("t"), on="t", by=CELL, coalesce=False, check_sortedness=False
    )
    late_ns = (before["t"] - before["t_right"]).to_numpy() * scope().tick_ns
    assert 19 < late_ns.min() < 22
    assert np.median(late_ns) == pytest.approx(20 + 100 * np.log(2), rel=0.1)


def test_near_a_border_the_cell_beyond_is_hit_too() -> None:
    pure, extra = added(border_mm=0.5)
    away = on_track(run(PURE)).filter(pl.col("from_wire").abs() > 20.5)
    side = pl.col("from_wire").sign().cast(pl.Int64)
    beyond = away.with_columns(wire=pl.col("wire").cast(pl.Int64) + side)
    beyond = beyond.filter(pl.col("wire").is_between(1, 16)).select("t", *CELL)
    assert beyond.sort(pl.all()).rows() == extra.select("t", *CELL).sort(pl.all()).rows()
    assert near(len(extra), 0.5 / 21 * len(pure))


def test_cross_talk_is_heard_in_the_next_channel() -> None:
    simulated = run(replace(PURE, cross_talk=0.05))
    names = ("t", "fpga", "tdc_channel", "hit")
    columns = decode(v2(), simulated.stream.words.ravel(), columns=names)
    every = pl.DataFrame({**columns, "muon": simulated.stream.muon}).filter("hit")
    own = every.filter(pl.col("muon") >= 0).select(
        "t", "fpga", tdc_channel=pl.col("tdc_channel") + 1
    )
    extra = every.filter(pl.col("muon") < 0).sort("t")
    before = extra.join_asof(
        own.sort("t"), on="t", by=["fpga", "tdc_channel"], coalesce=False, check_sortedness=False
    )
    late_ns = (before["t"] - before["t_right"]).to_numpy() * scope().tick_ns
    assert 0 <= late_ns.min() < late_ns.max() <= 10.5
    assert near(len(extra), 0.0488 * len(own) * 127 / 128)


def test_delta_electrons_come_before_the_muons_own() -> None:
    pure, early = added(deltas=0.1)
    seen = hits(run(replace(PURE, deltas=0.1))).filter(pl.col("muon") >= 0)
    assert len(seen) + len(early) == len(pure)
    assert near(len(early), 0.095 * len(pure))
    lost = on_track(run(PURE)).join(seen, on=["t", "muon", *CELL], how="anti")
    both = early.sort("t").join_asof(
        lost.sort("t"), on="t", by=CELL, strategy="forward", coalesce=False, check_sortedness=False
    )
    earlier = (both["t_right"] - both["t"]).to_numpy() * scope().tick_ns
    assert (earlier <= both["drift_ns"].to_numpy() + 1).all()
    assert np.mean(earlier / both["drift_ns"].to_numpy()) == pytest.approx(0.5, abs=0.03)


def test_pairs_are_close_in_time_and_place() -> None:
    alone = replace(PURE, muon_rate_hz=5e3)
    for share in (0.0, 0.2):
        muons = run(replace(alone, pairs=share), 200).muons.sort("t0", "t0_ns")
        apart_ns = muons["t0"].diff() * scope().tick_ns
        apart_mm = pl.max_horizontal(pl.col("x_mm").diff().abs(), pl.col("y_mm").diff().abs())
        close = (apart_ns < 400) & (muons.select(apart_mm).to_series() < 60)
        assert near(close.sum(), share * len(muons) + 1)
        assert near(len(muons), 1000)


def test_weak_channels_see_less() -> None:
    cell = pl.col("chamber") == 2, pl.col("layer") == 1, pl.col("wire") == 2
    pure = hits(run(PURE)).filter(*cell)
    weak = hits(run(replace(PURE, weak_channels=((1, 7, 0.5),)))).filter(*cell)
    assert near(len(weak), len(pure) / 2)
    assert_in(weak, pure)


def test_chambers_that_are_off_tell_other_times_and_places() -> None:
    off = Conditions(chamber_t0_ns=(0, 10, -20), chamber_x_mm=(0, 3), chamber_slope=(0, 0, 0.2))
    moved = replace(PURE, **{n: v for n, v in vars(off).items() if n.startswith("chamber_")})
    found = on_track(run(moved)).with_columns(
        layer_mm=(pl.col("layer").cast(pl.Float64) - 2.5) * 13.0
    )
    for chamber, late_ns, x_mm, slope in (
        (0, 0, 0, 0),
        (1, 10, 3, 0),
        (2, -20, 0, 0.2),
        (3, 0, 0, 0),
    ):
        own = found.filter(chamber=chamber)
        away_mm = own["from_wire"] - x_mm - slope * own["layer_mm"]
        error_ns = own["drift_ns"] - late_ns - away_mm.abs() / 0.0538
        assert error_ns.abs().max() <= scope().tick_ns / 2 + 1e-6


def test_channels_are_late_each_by_the_same_time() -> None:
    found = on_track(run(replace(PURE, channel_t0_ns=2.0)))
    late = pl.col("drift_ns") - pl.col("from_wire").abs() / 0.0538
    each = found.group_by(CELL).agg(mean=late.mean(), width=late.max() - late.min(), n=pl.len())
    assert each["width"].max() < scope().tick_ns + 1e-6
    assert each["mean"].std() == pytest.approx(2.0, rel=0.15)
    assert each["mean"].mean() == pytest.approx(0.0, abs=0.5)


@pytest.mark.parametrize("rate_hz", [2e4, 1e6])
def test_real_chambers_ranges_together_are_one_range(rate_hz: float) -> None:
    conditions = replace(REAL, muon_rate_hz=rate_hz)
    edge = 3 * block_ticks(scope(), conditions)
    whole = simulate(v2(), conditions, 3, edge - MS // 2, edge + MS)
    parts = [
        simulate(v2(), conditions, 3, *range_)
        for range_ in ((edge - MS // 2, edge + 100), (edge + 100, edge + MS))
    ]
    assert in_one_order(joined([p.stream for p in parts])) == in_one_order(whole.stream)
    assert (whole.stream.released >= whole.stream.t).all()
    assert (whole.stream.released - whole.stream.t).max() <= v2().disorder


def test_real_chambers_lose_and_add_about_what_they_are_said_to() -> None:
    found = hits(run(replace(REAL, muon_rate_hz=2e4)))
    own = found.filter(pl.col("muon") >= 0)
    assert NAMED["real"] == REAL
    assert 0.7 < len(own) / len(found) < 0.85


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("deltas", 1.0),
        ("pairs", -0.1),
        ("weak_channels", ((0, 1, 1.0),)),
        ("chamber_t0_ns", (0.0, float("nan"))),
        ("chamber_x_mm", (float("inf"),)),
        ("border_mm", -1.0),
    ],
)
def test_what_cant_be_is_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(UsageError, match=name):
        replace(PURE, **{name: value})


def test_a_channel_without_a_wire_cant_be_weak() -> None:
    with pytest.raises(UsageError, match="channel 130"):
        simulate(v2(), Conditions(weak_channels=((0, 130, 0.1),)), 1, 0, MS)

from collections import defaultdict
from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from db.detector import Detector, decode, load
from db.errors import UsageError
from readout.simulator.block import block_ticks
from readout.simulator.conditions import Conditions
from readout.simulator.simulate import Simulated, simulate
from readout.simulator.stream import Stream
from readout.simulator.telescope import Telescope, telescope_of

MS = 1_200_000
"""Ticks in a millisecond."""
BUSY = Conditions(muon_rate_hz=1e6, corrupt_fraction=0.02, noisy_channels=((1, 7, 20_000.0),))
PURE = Conditions(muon_rate_hz=2e4, noise_fraction=0, inefficiency=0, smear_ns=0, dead_ns=0)
"""Every crossing is a hit, a drift time is a distance."""


@cache
def v2() -> Detector:
    return load("drift_tubes_v2")


@cache
def scope() -> Telescope:
    return telescope_of(v2())


@cache
def run(conditions: Conditions, ms: int = 20) -> Simulated:
    return simulate(v2(), conditions, 1, 0, ms * MS)


def hits(simulated: Simulated) -> pl.DataFrame:
    """What the words say, beside the muon that made them; segment words left out."""
    stream = simulated.stream
    names = ("hit", "t", "chamber", "layer", "wire", "view", "x_mm", "z_mm", "corrupt")
    columns = decode(v2(), stream.words.ravel(), columns=names)
    frame = pl.DataFrame({**columns, "muon": stream.muon, "released": stream.released})
    return frame.filter(pl.col("hit"))


def on_track(simulated: Simulated) -> pl.DataFrame:
    """Hits of muons, with the distance of the track from the wire and the drift time."""
    tracks = simulated.muons.select("muon", "x_mm", "y_mm", "slope_x", "slope_y")
    segments = simulated.segments.select(
        "muon", "chamber", t0_exact=pl.col("t0") * scope().tick_ns + pl.col("t0_ns")
    )
    height = pl.col("z_mm") - (200.3 + 1839.3) / 2
    in_x, in_y = (pl.col(f"{c}_mm_track") + pl.col(f"slope_{c}") * height for c in "xy")
    return (
        hits(simulated)
        .filter(pl.col("muon") >= 0)
        .join(tracks.rename({"x_mm": "x_mm_track", "y_mm": "y_mm_track"}), on="muon")
        .join(segments, on=["muon", "chamber"])
        .with_columns(
            from_wire=pl.when(pl.col("view") == 0).then(in_x).otherwise(in_y) - pl.col("x_mm"),
            drift_ns=pl.col("t") * scope().tick_ns - pl.col("t0_exact"),
        )
    )


def in_one_order(stream: Stream) -> list[list[int]]:
    """The columns, with words released at the same time in an order of their own."""
    order = np.lexsort((stream.words[:, 0], stream.t, stream.released))
    columns = (stream.words[:, 0], stream.t, stream.released, stream.link, stream.muon)
    return [column[order].tolist() for column in columns]


@settings(max_examples=25)
@given(
    st.sampled_from([2e4, 1e6]),
    st.integers(1, 25),
    st.integers(0, MS),
    st.integers(1, 300),
    st.lists(st.integers(1, 2 * MS), max_size=3),
)
def test_ranges_together_are_one_range(
    rate_hz: float, k: int, before: int, after: int, lengths: list[int]
) -> None:
    conditions = replace(BUSY, muon_rate_hz=rate_hz)
    boundary = k * block_ticks(scope(), conditions)
    cuts = np.cumsum([max(0, boundary - before), min(boundary, before) + after, *lengths]).tolist()
    whole = simulate(v2(), conditions, 3, cuts[0], cuts[-1])
    parts = [simulate(v2(), conditions, 3, a, b) for a, b in pairwise(cuts)]
    together = Stream(
        *(
            np.concatenate([getattr(part.stream, name) for part in parts])
            for name in ("words", "t", "released", "link", "muon")
        )
    )
    assert in_one_order(together) == in_one_order(whole.stream)
    for table in ("muons", "segments"):
        rows = pl.concat([getattr(part, table) for part in parts])
        assert_frame_equal(
            rows.sort(rows.columns[:2]), getattr(whole, table).sort(rows.columns[:2])
        )


def test_a_range_holds_its_own_times_only() -> None:
    part = simulate(v2(), BUSY, 1, 3 * MS, 4 * MS)
    for times in (part.stream.t, part.muons["t0"], part.segments["t0"]):
        assert 3 * MS <= times.min() <= times.max() < 4 * MS


def test_another_seed_is_another_run() -> None:
    assert in_one_order(simulate(v2(), BUSY, 2, 0, MS).stream) != in_one_order(
        simulate(v2(), BUSY, 3, 0, MS).stream
    )


@pytest.mark.parametrize("rate_hz", [2e4, 1e6])
def test_as_many_muons_and_as_much_noise_as_asked_for(rate_hz: float) -> None:
    simulated = run(Conditions(muon_rate_hz=rate_hz, noise_fraction=0.2, dead_ns=0))
    expected = rate_hz * 0.02
    assert abs(len(simulated.muons) - expected) < 5 * expected**0.5
    found = hits(simulated)
    noise = found.filter(pl.col("muon") < 0)
    assert abs(len(noise) - 0.2 * len(found)) < 5 * (0.2 * len(found)) ** 0.5
    per_cell = noise.group_by("chamber", "layer", "wire").len()["len"].to_numpy()
    spread = ((per_cell - len(noise) / 256) ** 2).sum() / (len(noise) / 256)
    assert abs(spread - 255) < 5 * (2 * 255) ** 0.5


def test_times_are_even_over_the_blocks() -> None:
    t = run(replace(PURE, muon_rate_hz=1e6)).muons["t0"].to_numpy()
    counts = np.histogram(t, 100, (0, 20 * MS))[0]
    assert abs(((counts - 200) ** 2 / 200).sum() - 100) < 5 * (2 * 100) ** 0.5


def test_most_muons_cross_all_chambers() -> None:
    crossed = run(PURE).segments.group_by("muon").agg((pl.col("n_hits") > 0).all())
    assert crossed["n_hits"].mean() > 0.7


def test_cells_miss_as_many_muons_as_asked_for() -> None:
    seen = len(hits(run(replace(PURE, inefficiency=0.1))))
    # The same muons cross in both: chance is drawn after them.
    all_crossings = len(hits(run(PURE)))
    assert abs(seen - 0.9 * all_crossings) < 5 * (0.09 * all_crossings) ** 0.5


def test_words_say_when_and_where_the_muon_passed() -> None:
    found = on_track(run(PURE))
    assert len(found) > 0.8 * 16 * len(run(PURE).muons)
    assert found["from_wire"].abs().max() <= 21 + 1e-9
    error_ns = (found["drift_ns"] - found["from_wire"].abs() / 0.0538).abs()
    assert error_ns.max() <= scope().tick_ns / 2 + 1e-6


def test_drift_times_are_smeared_as_asked_for() -> None:
    found = on_track(run(replace(PURE, smear_ns=3)))
    error_ns = found["drift_ns"] - found["from_wire"].abs() / 0.0538
    assert abs(error_ns.mean()) < 5 * 3 / len(found) ** 0.5
    assert error_ns.std() == pytest.approx((9 + scope().tick_ns ** 2 / 12) ** 0.5, rel=0.02)


def test_a_muon_needs_its_time_from_chamber_to_chamber() -> None:
    times = run(PURE).segments.with_columns(ns=pl.col("t0") * scope().tick_ns + pl.col("t0_ns"))
    first, last = (times.filter(pl.col("chamber") == chamber) for chamber in (3, 0))
    flight_ns = (last["ns"] - first["ns"]).to_numpy()
    assert flight_ns.min() > 1600 / 299.8
    assert flight_ns.max() < 1600 / 299.8 * 1.3


def test_the_truth_of_a_segment_is_where_its_muon_passes() -> None:
    simulated = run(PURE)
    joined = simulated.segments.join(simulated.muons, on="muon", suffix="_muon")
    height = scope().centre_mm[joined["chamber"]] - scope().middle_mm
    is_x = scope().view[joined["chamber"]] == 0
    at, slope = (
        np.where(is_x, joined[x], joined[y])
        for x, y in (("x_mm_muon", "y_mm"), ("slope_x", "slope_y"))
    )
    assert np.allclose(joined["x_mm"], at + slope * height)
    assert np.allclose(joined["slope"], slope)
    assert (joined["t0_ns"].is_between(0, scope().tick_ns, closed="left")).all()


# Layers, their factors, and for which sides (+1: the muon passes at larger x than the wire) and
# wires half a cell apart the rule holds: x of the first wire of the pair less that of the second.
MEAN_TIMERS = [
    ((1, 2, 3), (1, 2, 1), (-1, 1, -1), (2, 1)),
    ((2, 3, 4), (1, 2, 1), (-1, 1, -1), (3, 2)),
    ((1, 2, 4), (2, 3, -1), (-1, 1, 1), (2, 1)),
    ((1, 3, 4), (-1, 3, 2), (1, 1, -1), (3, 4)),
]


@pytest.mark.parametrize(("layers", "factors", "sides", "pair"), MEAN_TIMERS)
@pytest.mark.parametrize("mirror", [1, -1])
def test_mean_timers_find_when_an_unsmeared_muon_passed(
    layers: tuple[int, ...],
    factors: tuple[int, ...],
    sides: tuple[int, ...],
    pair: tuple[int, int],
    mirror: int,
) -> None:
    muons: dict[tuple[int, int], dict[int, dict[str, float]]] = defaultdict(dict)
    for hit in on_track(run(PURE)).iter_rows(named=True):
        muons[hit["muon"], hit["chamber"]][hit["layer"]] = hit
    tried = 0
    for by_layer in muons.values():
        if len(by_layer) < 4:
            continue
        of = [by_layer[layer] for layer in layers]
        far_mm = by_layer[pair[0]]["x_mm"] - by_layer[pair[1]]["x_mm"]
        outer = {by_layer[layer]["x_mm"] for layer in layers if layer % 2 == layers[0] % 2}
        same = len({by_layer[layer]["x_mm"] for layer in layers}) == 2 and len(outer) < 3
        if not same or far_mm != -21 * mirror:
            continue
        if any(hit["from_wire"] * side * mirror <= 0 for hit, side in zip(of, sides, strict=True)):
            continue
        t_sum = sum(factor * hit["t"] for factor, hit in zip(factors, of, strict=True))
        t0_ns = (t_sum * scope().tick_ns - 2 * 21 / 0.0538) / 4
        rounding = sum(abs(factor) for factor in factors) / 4 * scope().tick_ns / 2
        assert abs(t0_ns - of[0]["t0_exact"]) <= rounding + 1e-6
        tried += 1
    assert tried > 20


@pytest.mark.parametrize("dead_ns", [400, 5000])
def test_a_cell_is_dead_after_a_hit_and_the_truth_knows(dead_ns: float) -> None:
    conditions = replace(PURE, muon_rate_hz=1.5e6, noise_fraction=0.2)
    one_block = block_ticks(scope(), conditions)
    both = [
        simulate(v2(), replace(conditions, dead_ns=dead), 5, 0, one_block) for dead in (0, dead_ns)
    ]
    dead = round(dead_ns / scope().tick_ns)
    cells = defaultdict(list)
    for chamber, layer, wire, t in hits(both[0]).select("chamber", "layer", "wire", "t").rows():
        cells[chamber, layer, wire].append(t)
    expected = sorted(
        (*cell, t)
        for cell, times in cells.items()
        for before, t in pairwise([-dead, *sorted(times)])
        if t - before >= dead
    )
    seen = sorted(hits(both[1]).select("chamber", "layer", "wire", "t").rows())
    assert seen == expected
    assert len(seen) < 0.97 * len(hits(both[0]))


@pytest.mark.parametrize("conditions", [BUSY, PURE])
def test_the_truth_counts_the_hits_that_reach_the_readout(conditions: Conditions) -> None:
    simulated = run(conditions, 5)
    expected: dict[tuple[int, int], list[int]] = defaultdict(lambda: [-1] * 4)
    for muon, chamber, layer, t in (
        hits(simulated).filter(pl.col("muon") >= 0).select("muon", "chamber", "layer", "t").rows()
    ):
        expected[muon, chamber][layer - 1] = t
    # Of a muon at the very end, hits come after the range.
    inside = simulated.segments.filter(pl.col("t0") < 5 * MS - 1000)
    for muon, chamber, n_hits, times in inside.select("muon", "chamber", "n_hits", "hits").rows():
        assert times == expected[muon, chamber]
        assert n_hits == sum(t >= 0 for t in times)
    assert inside["n_hits"].sum() > 10_000 or conditions is PURE


def test_corrupt_words_are_as_many_as_asked_for_and_nobodys() -> None:
    found = hits(run(replace(BUSY, corrupt_fraction=0.1)))
    n = found["corrupt"].sum()
    assert abs(n - 0.1 * len(found)) < 5 * (0.1 * len(found)) ** 0.5
    assert found.filter("corrupt")["muon"].unique().to_list() == [-1]


def test_a_noisy_channel_is_as_noisy_as_asked_for() -> None:
    quiet, noisy = (
        hits(run(replace(PURE, noisy_channels=channels))).filter(
            (pl.col("chamber") == 2) & (pl.col("layer") == 1) & (pl.col("wire") == 2)
        )
        for channels in ((), ((1, 7, 20_000.0),))
    )
    assert abs(len(noisy) - len(quiet) - 400) < 5 * 20


def test_a_channel_without_a_wire_cant_be_noisy() -> None:
    with pytest.raises(UsageError, match="channel 130"):
        simulate(v2(), Conditions(noisy_channels=((0, 130, 10.0),)), 1, 0, MS)


@pytest.mark.parametrize(
    "conditions", [BUSY, replace(BUSY, hit_delay_ns=1e7, segment_delay_ns=1e8)]
)
def test_words_come_in_order_of_release_within_the_disorder(conditions: Conditions) -> None:
    stream = run(conditions).stream
    assert (np.diff(stream.released) >= 0).all()
    assert (stream.released >= stream.t).all()
    late = np.maximum.accumulate(stream.t) - stream.t
    assert late.max() <= v2().disorder
    assert late.max() > 1000


def test_long_delays_use_all_of_the_disorder() -> None:
    stream = run(replace(BUSY, hit_delay_ns=1e7, segment_delay_ns=1e8)).stream
    assert (stream.released - stream.t).max() == v2().disorder


def test_three_hits_make_a_segment_word_that_follows_them() -> None:
    simulated = run(replace(BUSY, corrupt_fraction=0), 5)
    stream = simulated.stream
    columns = decode(
        v2(), stream.words.ravel(), columns=("hit", "timed", "t", "fpga", "tdc_channel")
    )
    is_segment = ~columns["hit"]
    assert columns["timed"].all()
    released = {
        (int(muon), int(fpga * 2 + channel // 64)): (int(t), int(at))
        for muon, fpga, channel, t, at in zip(
            stream.muon[is_segment],
            columns["fpga"][is_segment],
            columns["tdc_channel"][is_segment],
            columns["t"][is_segment],
            stream.released[is_segment],
            strict=True,
        )
    }
    assert len(released) == is_segment.sum()
    of_muons = hits(simulated).filter(pl.col("muon") >= 0)
    by_segment = of_muons.group_by("muon", "chamber").agg(pl.col("released").max())
    last = {(muon, chamber): at for muon, chamber, at in by_segment.rows()}
    inside = simulated.segments.filter(pl.col("t0").is_between(1000, 5 * MS - 1000))
    for muon, chamber, t0, t0_ns, n_hits in inside.select(
        "muon", "chamber", "t0", "t0_ns", "n_hits"
    ).rows():
        assert ((muon, chamber) in released) == (n_hits >= 3)
        if n_hits >= 3:
            t, at = released[muon, chamber]
            assert t == round(t0 + t0_ns / scope().tick_ns)
            assert at >= last[muon, chamber]


def test_segment_words_can_be_left_out() -> None:
    stream = run(replace(BUSY, segment_words=False)).stream
    assert decode(v2(), stream.words.ravel(), columns=("hit",))["hit"].all()


def test_links_are_fpgas(any_telescope: Detector) -> None:
    stream = simulate(any_telescope, BUSY, 1, 0, MS).stream
    fields = decode(any_telescope, stream.words.ravel())
    assert fields["fpga"].tolist() == stream.link.tolist()
    for link in (0, 1):
        sent = decode(any_telescope, stream.of_link(link))
        assert sent["t"].tolist() == fields["t"][fields["fpga"] == link].tolist()


def test_the_counter_may_start_anywhere_and_wrap_in_the_middle() -> None:
    detector = v2()
    assert detector.wrap is not None
    plain = run(BUSY, 5)
    start = detector.wrap - 2 * MS
    shifted = simulate(detector, replace(BUSY, clock_start=start), 1, 0, 5 * MS)
    assert shifted.stream.t.tolist() == plain.stream.t.tolist()
    columns = decode(detector, shifted.stream.words.ravel(), columns=("t", "corrupt"))
    sound = ~columns["corrupt"]
    expected = (start + plain.stream.t[sound]) % detector.wrap
    assert columns["t"][sound].tolist() == expected.tolist()
    assert expected.min() < MS < 3 * MS < expected.max()


@pytest.mark.parametrize("seconds", [(5, 5), (5, 4), (-1, 4)])
def test_a_range_that_is_none_is_refused(seconds: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match="no range"):
        simulate(v2(), PURE, 1, *seconds)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("muon_rate_hz", -1.0),
        ("noise_fraction", 1.0),
        ("inefficiency", -0.1),
        ("smear_ns", float("nan")),
        ("muon_rate_hz", float("inf")),
        ("noisy_channels", ((0, 1, -5.0),)),
        ("clock_start", -1),
    ],
)
def test_conditions_that_cant_be_are_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(UsageError, match=name):
        replace(PURE, **{name: value})


def test_no_muons_and_no_noise_is_silence() -> None:
    silent = simulate(v2(), replace(PURE, muon_rate_hz=0), 1, 0, 30 * MS)
    assert (len(silent.stream), len(silent.muons), len(silent.segments)) == (0, 0, 0)

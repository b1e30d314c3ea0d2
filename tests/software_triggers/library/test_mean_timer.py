from dataclasses import asdict, dataclass
from functools import cache
from itertools import product
from math import ceil

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from rivals import settle
from straight_muons import (
    CHAMBER_VIEW,
    CHAMBER_Z_MM,
    CONSTANTS,
    DRIFT_UM_PER_NS,
    LAYER_MM,
    T_MAX_NS,
    TICK_NS,
    Muons,
    cells,
    hits_of,
    random_hits,
    random_muons,
)

from db.errors import TriggerError
from software_triggers.library import segment_search
from software_triggers.library.conflicts import ROUNDS
from software_triggers.library.mean_timer import REACH_NS, SEGMENT, segments

MM_PER_NS = DRIFT_UM_PER_NS / 1000


def passage_ns(segments: pl.DataFrame) -> np.ndarray:
    return segments["t"].to_numpy() * TICK_NS + segments["t0_ns"].to_numpy()


def judge(
    rate_hz: float, seconds: float, min_hits: int = 3, seed: int = 1
) -> tuple[float, float, float]:
    """Share of passages with four hits that were found, RMS of their t0 in ns, share of fakes."""
    rng = np.random.default_rng(seed)
    muons = random_muons(rng, rate_hz, seconds)
    hits = hits_of(muons, rng)
    found = segments(hits, **CONSTANTS, min_hits=min_hits, resolution_ns=1.0)
    n_found = n_passages = n_true = 0
    off = []
    for chamber, (z_mm, view) in enumerate(zip(CHAMBER_Z_MM, CHAMBER_VIEW, strict=True)):
        own = found.filter(chamber=chamber)
        when, x_mm = passage_ns(own), own["x_mm"].to_numpy()
        true = np.zeros(len(own), bool)
        counts = hits.filter(pl.col("muon") >= 0, chamber=chamber)["muon"].value_counts()
        for muon, n_hits in counts.iter_rows():
            late_ns = when - muons.t_ns[muon]
            match = (abs(late_ns) < 15) & (abs(x_mm - muons.x_at(view, z_mm)[muon]) < 2)
            true |= match & (n_hits >= 3)
            if n_hits == 4:
                n_passages += 1
                n_found += match.any()
                off.extend(late_ns[match])
        n_true += true.sum()
    return n_found / n_passages, float(np.sqrt(np.mean(np.square(off)))), 1 - n_true / len(found)


def test_muons_at_a_thousand_per_second_are_found_and_few_others() -> None:
    efficiency, rms_ns, fakes = judge(1e3, 2.0)
    assert efficiency > 0.999
    assert rms_ns < 0.7
    assert fakes < 0.01
    assert judge(1e3, 2.0, min_hits=4)[2] < 0.001


def test_muons_are_found_in_the_pile_up_of_a_million_and_a_half_per_second() -> None:
    efficiency, rms_ns, fakes = judge(1.5e6, 0.002)
    assert efficiency > 0.99
    assert rms_ns < 1.0
    assert fakes < 0.015


def test_errors_are_what_the_spread_is() -> None:
    rng = np.random.default_rng(5)
    n = 4000
    slope = rng.uniform(-0.3, 0.3, (2, n))
    muons = Muons(np.arange(n) * 2000.0, rng.uniform(-60, 60, (2, n)), slope)
    hits = hits_of(muons, rng, noise=0).filter(chamber=0)
    found = segments(hits, **CONSTANTS, min_hits=4, resolution_ns=1.0)
    muon = np.rint(passage_ns(found) / 2000).astype(int)
    pulls = {
        "t0": (passage_ns(found) - muons.t_ns[muon]) / found["t0_err_ns"].to_numpy(),
        "x": (found["x_mm"] - muons.x_at(0, CHAMBER_Z_MM[0])[muon]).to_numpy()
        / found["x_err_mm"].to_numpy(),
        "slope": (found["slope"] - muons.slope[0][muon]).to_numpy() / found["slope_err"].to_numpy(),
    }
    for pull in pulls.values():
        core = pull[abs(pull) < 6]
        assert len(core) > 0.998 * n
        assert abs(core.mean()) < 4 / np.sqrt(n)
        assert 0.95 < core.std() < 1.12  # the clock's tick adds 3 %
    together = np.mean(pulls["x"] * pulls["slope"] - found["x_slope_corr"].to_numpy())
    assert abs(together) < 0.15
    assert abs(found["chi2"].mean() - 1) < 0.15


@dataclass(frozen=True)
class Limits:
    max_chi2: float = 16.0
    max_slope: float = 1.05
    resolution_ns: float = 1.0
    tolerance_ns: float = 5.0


def oracle(hits: pl.DataFrame, limits: Limits) -> dict[frozenset[int], dict[str, float]]:
    """All segments of one chamber's sorted hits, by trying everything: their rows and fits."""
    rows = hits.with_row_index().to_dicts()
    chosen: dict[frozenset[int], dict[str, float]] = {}
    free = set(range(len(rows)))
    for n_hits in (4, 3):
        fits: dict[tuple[int, ...], dict[str, float]] = {}
        layers = [[None, *(r for r in rows if r["layer"] == k)] for k in (1, 2, 3, 4)]
        for combination in product(*layers):
            taken = [r for r in combination if r is not None]
            if len(taken) == n_hits and all(r["index"] in free for r in taken):
                seen = [r for r in rows if r["index"] in free] if n_hits == 3 else []
                fit = best_line(taken, seen, limits)
                if fit:
                    fits[tuple(-1 if r is None else r["index"] for r in combination)] = fit
        # of equals, the one with the earlier first hit wins, then in order of layers from the last
        order = sorted(
            fits,
            key=lambda m: (min(i for i in m if i >= 0), m.index(-1) if -1 in m else 4, m[::-1]),
        )
        members = [frozenset(i for i in m if i >= 0) for m in order]
        for c in settle(members, [fits[m]["cost"] for m in order], ROUNDS):
            chosen[members[c]] = fits[order[c]]
            free -= members[c]
    return chosen


@cache
def lines_of(layers: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Sides (p, n), and what they make of x, slope and t0 (p, n, 3), for all patterns of sides."""
    every = np.array(list(product([1, -1], repeat=len(layers))))
    signs = every[abs(every.sum(axis=1)) < len(layers)]
    z = (np.array(layers) - 2.5) * LAYER_MM
    return signs, np.stack([np.column_stack([np.ones(len(z)), z, s * MM_PER_NS]) for s in signs])


def best_line(
    hits: list[dict[str, float]], seen: list[dict[str, float]], limits: Limits
) -> dict[str, float] | None:
    """The likeliest line of three or four hits, beside others that are ``seen``."""
    layers = tuple(h["layer"] for h in hits)
    t_first = min(h["t"] for h in hits)
    tau = np.array([(h["t"] - t_first) * TICK_NS for h in hits])
    signs, models = lines_of(layers)
    measured = np.array([h["x_mm"] for h in hits]) + signs * MM_PER_NS * tau
    lines = np.linalg.pinv(models) @ measured[:, :, None]
    off = measured - (models @ lines)[:, :, 0]
    x_mm, slope, t0 = lines[:, :, 0].T
    chi2 = (off**2).sum(axis=1) / MM_PER_NS**2
    drift = tau - t0[:, None]
    room = np.column_stack([limits.max_chi2 - chi2, limits.max_slope - abs(slope)])
    room = np.hstack([room, drift + limits.tolerance_ns, T_MAX_NS + limits.tolerance_ns - drift])
    assume(abs(room).min() > 1e-6)
    volume = np.linalg.slogdet(models.transpose(0, 2, 1) @ models)[1]
    cost = np.rint(1e6 * (chi2 + 4 * np.log(1 + slope**2) + volume))
    cost[room.min(axis=1) < 0] = np.inf
    for p in np.flatnonzero(cost < np.inf):
        early = [is_early(r, layers, t_first, lines[p, :, 0], limits) for r in seen]
        cost[p] -= 1e6 * segment_search.EARLY * any(early)
    best, second = np.argsort(cost)[:2]
    if cost[best] == np.inf:
        return None
    assume(cost[second] > cost[best] + 1)
    sides = dict(zip(layers, signs[best].tolist(), strict=True))
    return {
        "cost": cost[best],
        "t_ns": t_first * TICK_NS + t0[best],
        "x_mm": x_mm[best],
        "slope": slope[best],
        "chi2": chi2[best],
        "sides": [sides.get(layer, 0) for layer in (1, 2, 3, 4)],
    }


def is_early(
    hit: dict[str, float],
    layers: tuple[int, ...],
    t_first: float,
    line: np.ndarray,
    limits: Limits,
) -> bool:
    """Whether a hit in the layer that is none of ``layers`` comes before that of a line there."""
    tolerance = max(limits.tolerance_ns, 3 * limits.resolution_ns)
    longest = (T_MAX_NS + 2 * tolerance) / TICK_NS
    if hit["layer"] in layers or abs(hit["t"] - t_first) > longest:
        return False
    x_mm, slope, t0 = line
    drift = abs(hit["x_mm"] - x_mm - slope * (hit["layer"] - 2.5) * LAYER_MM) / MM_PER_NS
    late = (hit["t"] - t_first) * TICK_NS - t0
    room = [T_MAX_NS + tolerance - drift, late + tolerance, drift - late]
    assume(min(abs(r) for r in room) > 1e-6)
    return min(room) >= 0


def some_muons(rng: np.random.Generator) -> pl.DataFrame:
    """Three muons close together in time and place, in chamber 1, and some noise."""
    muons = Muons(
        rng.uniform(0, 400, 3), rng.uniform(-40, 40, (2, 3)), rng.uniform(-0.7, 0.7, (2, 3))
    )
    hits = hits_of(muons, rng, smear_ns=2.0, noise=0).filter(chamber=1)
    noise = [cells(rng.uniform(0, 800, 1), 1, k, rng.integers(7, 11, 1)) for k in (1, 2, 3)]
    return pl.concat([hits, *noise])


def no_muons(rng: np.random.Generator) -> pl.DataFrame:
    """Three hits in each layer of chamber 1, anywhere in three wires and 500 ns."""
    return pl.concat(
        cells(rng.uniform(0, 500, 3), 1, layer, rng.integers(7, 10, 3)) for layer in (1, 2, 3, 4)
    )


@pytest.mark.parametrize(
    ("make", "limits"),
    [
        (some_muons, Limits()),
        (no_muons, Limits(max_chi2=400.0, tolerance_ns=9.0)),
        (no_muons, Limits(max_chi2=400.0, max_slope=0.3, tolerance_ns=3.0)),
    ],
)
@given(seed=st.integers(0, 2**32))
@settings(deadline=None, max_examples=30)
def test_agrees_with_trying_everything(make, limits, seed) -> None:
    hits = make(np.random.default_rng(seed)).sort("t", "layer", "wire")
    where = {key: i for i, key in enumerate(hits.select("layer", "wire", "t").iter_rows())}
    assume(len(where) == len(hits))
    expected = oracle(hits, limits)
    found = segments(hits, **CONSTANTS, **asdict(limits))
    assert len(found) == len(expected)
    for segment in found.iter_rows(named=True):
        places = zip((1, 2, 3, 4), segment["wires"], segment["hit_t"], strict=True)
        members = frozenset(where[layer, wire, t] for layer, wire, t in places if wire)
        fit = expected.pop(members)
        assert segment["t"] * TICK_NS + segment["t0_ns"] == pytest.approx(fit["t_ns"], abs=1e-6)
        assert abs(segment["t0_ns"]) <= TICK_NS / 2 + 1e-9
        assert segment["x_mm"] == pytest.approx(fit["x_mm"], abs=1e-6)
        assert segment["slope"] == pytest.approx(fit["slope"], abs=1e-6)
        assert segment["chi2"] == pytest.approx(np.float32(fit["chi2"]), rel=2e-7, abs=1e-6)
        assert segment["sides"] == fit["sides"]
        assert segment["n_hits"] == len(members)
        assert (segment["chamber"], segment["view"]) == (1, 1)
        assert segment["z_mm"] == CHAMBER_Z_MM[1]


@pytest.mark.slow
@given(
    seed=st.integers(0, 2**32),
    n=st.integers(0, 900),
    span_ns=st.sampled_from([5e3, 2e4, 5e4]),
    wires=st.sampled_from([2, 4, 16]),
    width=st.integers(400, 20_000),
)
@settings(deadline=None, max_examples=50)
def test_rows_do_not_depend_on_where_windows_are_cut(seed, n, span_ns, wires, width) -> None:
    hits = random_hits(np.random.default_rng(seed), n, span_ns, wires)
    whole = segments(hits, **CONSTANTS)
    reach = ceil(REACH_NS / TICK_NS)
    tiles = []
    for start in range(-reach, ceil(span_ns / TICK_NS) + reach, width):
        stop = start + width
        seen = hits.filter(pl.col("t").is_between(start - reach, stop + reach, closed="left"))
        rows = segments(seen.sample(fraction=1, shuffle=True, seed=seed), **CONSTANTS)
        tiles.append(rows.filter(pl.col("t").is_between(start, stop, closed="left")))
    assert_frame_equal(pl.concat(tiles), whole, check_exact=True)


@given(st.integers(0, 2**32), st.integers(1, 300))
@settings(
    deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_rows_do_not_depend_on_where_the_stream_is_cut_into_blocks(monkeypatch, seed, size) -> None:
    hits = random_hits(np.random.default_rng(seed), 600, 3e4)
    whole = segments(hits, **CONSTANTS)
    with monkeypatch.context() as patch:
        patch.setattr(segment_search, "BLOCK", size)
        assert_frame_equal(segments(hits, **CONSTANTS), whole, check_exact=True)


@given(st.integers(0, 2**32), st.integers(-(2**50), 2**50))
@settings(deadline=None, max_examples=30)
def test_rows_move_with_the_hits_bit_by_bit(seed, later) -> None:
    hits = random_hits(np.random.default_rng(seed), 300, 1e4)
    moved = segments(hits.with_columns(pl.col("t") + later), **CONSTANTS)
    back = moved.with_columns(
        pl.col("t") - later,
        hit_t=pl.col("hit_t").list.eval(
            pl.when(pl.element() != 0).then(pl.element() - later).otherwise(0)
        ),
    )
    present = pl.col("sides").list.eval(pl.element() != 0)
    kept = segments(hits, **CONSTANTS)
    assert_frame_equal(back.drop("hit_t"), kept.drop("hit_t"), check_exact=True)
    assert back.select(present).equals(kept.select(present))


@given(st.integers(0, 2**32))
@settings(deadline=None, max_examples=30)
def test_no_hit_serves_twice(seed) -> None:
    hits = random_hits(np.random.default_rng(seed), 400, 5e3, wires=4)
    used = (
        segments(hits, **CONSTANTS)
        .select("chamber", "wires", t="hit_t", layer=pl.lit([1, 2, 3, 4]))
        .explode("wires", "t", "layer")
        .filter(pl.col("wires") > 0)
        .rename({"wires": "wire"})
    )
    key = ["chamber", "layer", "wire", "t"]
    given_ = hits.group_by(key).len().cast(dict.fromkeys(key, pl.Int64))
    taken = used.group_by(key).len("taken").cast(dict.fromkeys(key, pl.Int64))
    both = taken.join(given_, on=key, how="left")
    assert both.filter(pl.col("len").fill_null(0) < pl.col("taken")).is_empty()


def test_a_burst_in_all_cells_is_done_soon() -> None:
    rng = np.random.default_rng(3)
    hits = random_hits(rng, 2000, 400, chambers=1)
    assert len(segments(hits, **CONSTANTS)) > 50


def test_layers_numbered_from_the_top_give_the_same_segments() -> None:
    rng = np.random.default_rng(4)
    hits = hits_of(random_muons(rng, 1e3, 0.1), rng)
    upside = hits.with_columns(layer=5 - pl.col("layer"))
    turned = segments(upside, **(CONSTANTS | {"cell_height_mm": -LAYER_MM}))
    plain = segments(hits, **CONSTANTS)
    same = ["t", "chamber", "n_hits", "z_mm"]
    assert_frame_equal(turned.select(same), plain.select(same))
    near = [
        "t0_ns",
        "x_mm",
        "slope",
        "chi2",
        "x_slope_corr",
        "slope_err",
        "x_t0_corr",
        "slope_t0_corr",
    ]
    assert_frame_equal(turned.select(near), plain.select(near), abs_tol=1e-6)


def test_no_hits_give_no_segments_with_all_columns() -> None:
    none = cells([], 0, 1, np.empty(0))
    assert segments(none, **CONSTANTS).schema == SEGMENT


def test_a_reach_that_would_not_do_is_refused() -> None:
    hits = cells([1.0], 0, 1, [4])
    with pytest.raises(TriggerError, match="7000 ns are read: lower tolerance_ns"):
        segments(hits, **CONSTANTS, tolerance_ns=60.0)


@pytest.mark.parametrize("min_hits", [2, 5])
def test_a_number_of_hits_that_no_segment_has_is_refused(min_hits) -> None:
    with pytest.raises(TriggerError, match="3 or 4 hits"):
        segments(cells([1.0], 0, 1, [4]), **CONSTANTS, min_hits=min_hits)

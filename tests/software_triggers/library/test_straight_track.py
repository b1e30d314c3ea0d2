from itertools import combinations
from math import ceil

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from rivals import settle
from straight_muons import (
    CHAMBER_VIEW,
    CHAMBER_Z_MM,
    CONSTANTS,
    DRIFT_UM_PER_NS,
    FIRST_WIRE_MM,
    LAYER_MM,
    MIDDLE_MM,
    TICK_NS,
    Muons,
    hits_of,
    random_muons,
)

from db.errors import TriggerError
from software_triggers.library.alignment import Alignment
from software_triggers.library.conflicts import ROUNDS
from software_triggers.library.mean_timer import SEGMENT, segments
from software_triggers.library.straight_track import REACH_NS, TRACK, tracks

WITHIN_NS, MAX_CHI2 = 20.0, 10.0
TRACKING = {n: CONSTANTS[n] for n in ("tick_ns", "v_drift_um_per_ns", "cell_height_mm")}
SIDES = [(1, -1, 1, -1), (1, 1, -1, -1), (1, -1, 1, 0), (0, 1, 1, -1)]


def judge(rate_hz: float, seconds: float) -> dict[str, float]:
    """Tracks against the muons with four hits in each chamber of view 0, and their pulls."""
    rng = np.random.default_rng(2)
    muons = random_muons(rng, rate_hz, seconds)
    hits = hits_of(muons, rng)
    found = tracks(segments(hits, **CONSTANTS, resolution_ns=1.0), **TRACKING).filter(view=0)
    when = found["t"].to_numpy() * TICK_NS + found["t0_ns"].to_numpy()
    slope, error = found["slope"].to_numpy(), found["slope_err"].to_numpy()
    n_hits = hits.filter(pl.col("muon") >= 0, view=0)["muon"].value_counts()
    full = n_hits.filter(pl.col("count") == 12)["muon"]
    pulls, n_found, true = [], 0, np.zeros(len(found), bool)
    for muon in n_hits["muon"]:
        off = slope - muons.slope[0][muon]
        match = (abs(when - muons.t_ns[muon]) < 15) & (abs(off) < 0.02)
        true |= match
        if muon in full:
            whole = match & (found["n_segments"] == 3).to_numpy()
            n_found += whole.any()
            pulls.extend((off / error)[whole])
    pulls = np.array(pulls)
    core = pulls[abs(pulls) < 5]
    return {
        "efficiency": n_found / len(full),
        "fakes": 1 - true.mean(),
        "tails": 1 - len(core) / len(pulls),
        "bias": np.mean(core) * np.sqrt(len(core)),
        "width": np.std(core),
    }


@pytest.mark.parametrize(
    ("rate_hz", "seconds", "efficiency"), [(1e3, 1.5, 0.998), (1.5e6, 1e-3, 0.98)]
)
def test_muons_give_tracks_with_unbiased_angles(rate_hz, seconds, efficiency) -> None:
    result = judge(rate_hz, seconds)
    assert result["efficiency"] > efficiency
    assert result["fakes"] < 0.005
    assert result["tails"] < 0.01
    assert abs(result["bias"]) < 4
    assert 0.9 < result["width"] < 1.15  # the clock's tick adds 3 %


def test_a_track_is_the_line_through_all_hits_with_one_time() -> None:
    rng = np.random.default_rng(8)
    n = 50
    slope = rng.uniform(-0.2, 0.2, (2, n))
    muons = Muons(np.arange(n) * 2000.0, rng.uniform(-60, 60, (2, n)), slope)
    own = segments(hits_of(muons, rng, noise=0), **CONSTANTS, min_hits=4, resolution_ns=1.0)
    found = tracks(own, **TRACKING, max_chi2=1e3).filter(n_segments=3)
    assert len(found) > 0.9 * n
    v = DRIFT_UM_PER_NS / 1000
    for track in found.iter_rows(named=True):
        parts = [
            own.filter(chamber=c, t=t).row(0, named=True)
            for c, t in zip(track["chambers"], track["segment_t"], strict=True)
        ]
        model, measured = [], []
        for part in parts:
            for layer, (wire, t, side) in enumerate(
                zip(part["wires"], part["hit_t"], part["sides"], strict=True), 1
            ):
                if side:
                    z_mm = CHAMBER_Z_MM[part["chamber"]] + (layer - 2.5) * LAYER_MM
                    model.append([1.0, z_mm, side * v])
                    wire_mm = FIRST_WIRE_MM[layer] + (wire - 1) * 42
                    measured.append(wire_mm + side * v * (t - track["t"]) * TICK_NS)
        line, (left,), *_ = np.linalg.lstsq(np.array(model), np.array(measured))
        spread = np.sqrt(np.diag(np.linalg.inv(np.transpose(model) @ model))) * v
        assert track["x0_mm"] == pytest.approx(line[0], abs=1e-6)
        assert track["slope"] == pytest.approx(line[1], abs=1e-9)
        assert track["x0_err_mm"] == pytest.approx(spread[0], rel=1e-6)
        assert track["slope_err"] == pytest.approx(spread[1], rel=1e-6)
        inner = sum(part["chi2"] for part in parts)
        assert track["chi2"] + inner == pytest.approx(left / v**2, abs=1e-5)
        assert track["angle_rad"] == np.float32(np.arctan(track["slope"]))
        assert track["n_hits"] == len(measured)
        assert track["t0_ns"] == pytest.approx(line[2], abs=1e-6)
        assert track["t0_err_ns"] == pytest.approx(spread[2], rel=1e-6)


def random_segments(rng: np.random.Generator, n: int, span_ns: float) -> pl.DataFrame:
    """Segments that lie, more or less, on one of three lines: many fit, in many ways."""
    chamber = rng.integers(0, 4, n)
    z_mm = np.array(CHAMBER_Z_MM)[chamber]
    line = rng.integers(0, 3, n)
    sides = np.array(SIDES)[rng.integers(0, len(SIDES), n)]
    t = rng.integers(0, int(span_ns / TICK_NS) + 1, n)
    x_mm = line + 0.1 * line * (z_mm - MIDDLE_MM) + rng.normal(0, 0.1, n)
    slope = 0.1 * line + rng.normal(0, 0.006, n)
    n_alt = rng.choice([0, 0, 1, 2], n)

    def others(values, spread):  # type: ignore[no-untyped-def]
        return [(v + rng.normal(0, spread, k)).tolist() for v, k in zip(values, n_alt, strict=True)]

    rows = pl.DataFrame(
        {
            "t": t,
            "t0_ns": rng.uniform(-TICK_NS / 2, TICK_NS / 2, n),
            "chamber": chamber,
            "view": np.array(CHAMBER_VIEW)[chamber],
            "n_hits": (sides != 0).sum(axis=1),
            "quality": ["LOWQ"] * n,
            "x_mm": x_mm,
            "z_mm": z_mm,
            "slope": slope,
            "chi2": rng.uniform(0, 5, n),
            **dict.fromkeys(("t0_err_ns", "x_err_mm", "slope_err"), np.ones(n)),
            **dict.fromkeys(("x_slope_corr", "x_t0_corr", "slope_t0_corr"), np.zeros(n)),
            "resolution_ns": rng.choice([1.0, 4.0], n),
            "hit_t": np.zeros((n, 4)),
            "wires": np.zeros((n, 4)),
            "sides": sides,
            "alt_share": [[0.2] * k for k in n_alt],
            "alt_t0_ns": others(np.zeros(n), 30.0),
            "alt_x_mm": others(x_mm, 1.0),
            "alt_slope": others(slope, 0.05),
            "alt_sides": [[1, -1, -1, 1] * k for k in n_alt],
        },
        schema=SEGMENT.names(),
        schema_overrides={k: v for k, v in SEGMENT.items() if k.startswith("alt_")},
    ).cast(SEGMENT)
    twice = rows.sample(fraction=0.1, seed=int(rng.integers(1 << 30)))
    return pl.concat([rows, twice])


def lines_of(row: dict) -> list[tuple[float, ...]]:  # type: ignore[type-arg]
    """A segment's line and its others: t, x and slope, -2 ln of how likely, and sides."""
    t = row["t"] * TICK_NS
    own = (t + row["t0_ns"], row["x_mm"], row["slope"])
    lines = [(*own, -2 * np.log(1 - sum(row["alt_share"])), row["sides"])]
    parts = (row[name] for name in ("alt_t0_ns", "alt_x_mm", "alt_slope", "alt_share"))
    for k, (late, x, slope, share) in enumerate(zip(*parts, strict=True)):
        sides = row["alt_sides"][4 * k : 4 * k + 4]
        lines.append((t + late, x, slope, -2 * np.log(share), sides))
    return lines


def weights(sides: list[int], resolution_ns: float) -> np.ndarray:
    """The inverse covariance of x, slope and time that hits on these sides give."""
    v = DRIFT_UM_PER_NS / 1000
    model = np.array([[1, (k - 1.5) * LAYER_MM, s * v] for k, s in enumerate(sides) if s])
    return model.T @ model / (v * resolution_ns) ** 2


def oracle(rows: list[dict]) -> list[tuple]:  # type: ignore[type-arg]
    """Chambers, x0, slope and chi2 of the tracks of one view, by trying all sets of lines."""
    points = [(i, *line) for i, row in enumerate(rows) for line in lines_of(row)]
    points.sort(key=lambda point: point[1])
    sets, cost, lines = [], [], []
    for n in (2, 3):
        for pick in combinations(points, n):
            taken = [rows[point[0]] for point in pick]
            when = [point[1] for point in pick]
            assume(abs(max(when) - min(when) - WITHIN_NS) > 1e-6)
            if max(when) - min(when) > WITHIN_NS or len({r["chamber"] for r in taken}) < n:
                continue
            model, measured = [], []
            for r, (_, late, x, slope, _, sides) in zip(taken, pick, strict=True):
                white = np.linalg.cholesky(weights(sides, r["resolution_ns"])).T
                model.append(white @ [[1, r["z_mm"], 0], [0, 1, 0], [0, 0, 1]])
                measured.append(white @ [x, slope, late])
            line, (chi2,), *_ = np.linalg.lstsq(np.vstack(model), np.concatenate(measured))
            unlikely, limit = chi2 + sum(point[4] for point in pick), MAX_CHI2 * 3 * (n - 1)
            assume(abs(unlikely - limit) > 1e-6)
            if unlikely <= limit:
                sets.append(frozenset(point[0] for point in pick))
                cost.append(unlikely / limit - n)
                lines.append((sorted(r["chamber"] for r in taken), line[0], line[1], chi2))
    assume(len({round(c, 6) for c in cost}) == len(cost))
    return sorted(lines[c] for c in settle(sets, cost, ROUNDS))


@given(st.integers(0, 2**32), st.integers(0, 5))
@settings(deadline=None, max_examples=60)
def test_agrees_with_trying_all_sets_of_segments(seed, n) -> None:
    rng = np.random.default_rng(seed)
    rows = random_segments(rng, n, 40.0).unique("x_mm")
    found = tracks(rows, **TRACKING, within_ns=WITHIN_NS, max_chi2=MAX_CHI2)
    expected = oracle(rows.filter(view=0).to_dicts())
    names = ["chambers", "x0_mm", "slope", "chi2"]
    for got, line in zip(sorted(found.select(names).rows()), expected, strict=True):
        assert got[0] == line[0]
        assert got[1:] == pytest.approx(line[1:], abs=1e-5)


@given(
    seed=st.integers(0, 2**32),
    n=st.integers(0, 300),
    span_ns=st.sampled_from([300.0, 1e3, 3e3]),
    width=st.integers(20, 500),
)
@settings(deadline=None, max_examples=40)
def test_rows_do_not_depend_on_where_windows_are_cut(seed, n, span_ns, width) -> None:
    rows = random_segments(np.random.default_rng(seed), n, span_ns)
    off = Alignment((0.0, 11.3, -7.0), (0.5,), (0.0, 0.01))
    loose = TRACKING | {"max_chi2": 1000.0, "alignment": off}  # the more fit, the longer the chains
    whole = tracks(rows, **loose)
    reach = ceil(REACH_NS / TICK_NS)
    tiles = []
    outside = ceil(300 / TICK_NS)  # other lines may pass before the first segment's t, or behind
    for start in range(-outside, ceil(span_ns / TICK_NS) + outside, width):
        stop = start + width
        seen = rows.filter(pl.col("t").is_between(start - reach, stop + reach, closed="left"))
        part = tracks(seen.sample(fraction=1, shuffle=True, seed=seed), **loose)
        tiles.append(part.filter(pl.col("t").is_between(start, stop, closed="left")))
    assert_frame_equal(pl.concat(tiles), whole, check_exact=True)


def test_no_segments_give_no_tracks_with_all_columns() -> None:
    assert tracks(pl.DataFrame(schema=SEGMENT), **TRACKING).schema == TRACK


def test_a_reach_that_would_not_do_is_refused() -> None:
    with pytest.raises(TriggerError, match="8000 ns are read: lower it"):
        tracks(pl.DataFrame(schema=SEGMENT), **TRACKING, within_ns=200.0)

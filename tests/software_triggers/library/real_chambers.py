"""Muons through real drift chambers, made from the geometry alone: no code of everyhit's in it.

Three chambers measure one view, a fourth one the other. Whatever a real chamber does to a muon's
hits may be switched on: resolution, lost hits, delta electrons, after-pulses, charge that two
cells share, a second muon close by, noise.
"""

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

TICK_NS = 25 / 30
DRIFT_MM_PER_NS = 0.0538
T_MAX_NS = 390.0
CELL_MM, LAYER_MM = 42.0, 13.0
FIRST_WIRE_MM = (-294.0, -315.0, -294.0, -315.0)
CHAMBER_Z_MM = (364.75, 529.75, 695.75, 790.25)
CHAMBER_VIEW = (0, 0, 0, 1)
MIDDLE_MM = 529.75
FLIGHT_NS_PER_MM = 1 / 299.792458
CONSTANTS = {
    "tick_ns": TICK_NS,
    "v_drift_um_per_ns": 1000 * DRIFT_MM_PER_NS,
    "t_max_ns": T_MAX_NS,
    "cell_height_mm": LAYER_MM,
}


@dataclass(frozen=True)
class Chambers:
    """What the chambers do to a muon's hits: shares and widths."""

    resolution_ns: float = 3.0
    inefficiency: float = 0.0
    deltas: float = 0.0
    """Share of hits that a delta electron makes too early."""
    after_pulses: float = 0.0
    """Share of hits that a second one follows in the same cell."""
    border_mm: float = 0.0
    """A muon as close to a cell's border makes a hit in the cell beyond, too."""
    pairs: float = 0.0
    """Share of muons that another one follows within 400 ns and 60 mm."""
    noise: float = 0.0
    """Noise hits as a share of all hits."""
    t0_ns: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)
    """How much later each chamber tells the time than it is."""
    x_mm: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)
    """How much further along x each chamber is than believed."""
    tilt: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)
    """By how much each chamber is turned: a straight line's slope looks smaller by it."""


REAL = Chambers(
    resolution_ns=3.0,
    inefficiency=0.05,
    deltas=0.03,
    after_pulses=0.10,
    border_mm=0.5,
    pairs=0.05,
    noise=0.10,
)


@dataclass(frozen=True)
class Muons:
    """Times (n,) in ns, x at MIDDLE_MM and slope in both views (2, n), and their hits.

    ``hits`` has the columns of decoded hits, and of which muon they are (-1: noise), whether they
    are its own, undisturbed, and whether they are the other one of two at a border, as good.
    """

    t_ns: NDArray[np.float64]
    x_mm: NDArray[np.float64]
    slope: NDArray[np.float64]
    hits: pl.DataFrame

    def passage(self, chamber: int) -> tuple[NDArray[np.float64], ...]:
        """When and where each passes a chamber's middle, and how steeply."""
        view, below = CHAMBER_VIEW[chamber], MIDDLE_MM - CHAMBER_Z_MM[chamber]
        late_ns = below * np.hypot(1, np.hypot(*self.slope)) * FLIGHT_NS_PER_MM
        return self.t_ns + late_ns, self.x_mm[view] - self.slope[view] * below, self.slope[view]

    def true_hits(self, chamber: int) -> NDArray[np.int64]:
        """How many undisturbed hits each left there."""
        own = self.hits.filter(pl.col("own"), chamber=chamber)["muon"].to_numpy()
        return np.bincount(own, minlength=len(self.t_ns))


def muons_through(
    rng: np.random.Generator,
    n: int,
    chambers: Chambers,
    *,
    rate_hz: float = 1e5,
    steepest_deg: float = 45.0,
    apart_ns: float | None = None,
) -> Muons:
    """Muons whose angles are even up to the steepest in both views, and their hits in disorder.

    With ``apart_ns`` every second muon follows the one before it by that, within 60 mm.
    """
    t_ns = 1000 + np.cumsum(rng.exponential(1e9 / rate_hz, n))
    x_mm = rng.uniform(-150, 150, (2, n))
    slope = np.tan(np.radians(rng.uniform(-steepest_deg, steepest_deg, (2, n))))
    second = np.flatnonzero(rng.random(n - 1) < chambers.pairs) + 1
    wait_ns = rng.uniform(0, 400, len(second))
    if apart_ns is not None:
        t_ns = 1000 + np.cumsum(np.full(n, 1e9 / rate_hz))
        second, wait_ns = np.arange(1, n, 2), np.full(n // 2, apart_ns)
    t_ns[second] = t_ns[second - 1] + wait_ns
    x_mm[:, second] = x_mm[:, second - 1] + rng.uniform(-60, 60, (2, len(second)))
    order = np.argsort(t_ns)
    t_ns, x_mm, slope = t_ns[order], x_mm[:, order], slope[:, order]
    muons = Muons(t_ns, x_mm, slope, pl.DataFrame())
    hits = [_crossings(rng, muons, chambers, c, k) for c in range(4) for k in range(4)]
    made = pl.concat(hits)
    n_noise = rng.poisson(len(made) * chambers.noise / (1 - chambers.noise))
    noise = _hits(
        rng.uniform(0, t_ns.max(), n_noise),
        rng.integers(0, 4, n_noise),
        rng.integers(0, 4, n_noise),
        rng.integers(0, 16, n_noise),
        np.full(n_noise, -1),
        np.zeros(n_noise, bool),
    )
    hits = pl.concat([made, noise]).sample(fraction=1, shuffle=True, seed=int(rng.integers(1e9)))
    return replace(muons, hits=hits)


def _crossings(  # what one layer of one chamber makes of all muons
    rng: np.random.Generator, muons: Muons, chambers: Chambers, chamber: int, layer: int
) -> pl.DataFrame:
    at_ns, at_mm, slope = muons.passage(chamber)
    n = len(at_ns)
    local_slope = slope - chambers.tilt[chamber]
    x_mm = at_mm - chambers.x_mm[chamber] + local_slope * (layer - 1.5) * LAYER_MM
    place = (x_mm - FIRST_WIRE_MM[layer]) / CELL_MM
    wire = np.floor(place + 0.5).astype(int)
    away_mm = (place - wire) * CELL_MM
    smear = rng.normal(0, chambers.resolution_ns, n)
    drift_ns = abs(away_mm) / DRIFT_MM_PER_NS
    delta = rng.random(n) < chambers.deltas
    early_ns = np.where(delta, rng.uniform(0, drift_ns), 0)
    t_ns = at_ns + drift_ns + smear - early_ns + chambers.t0_ns[chamber]
    seen = rng.random(n) >= chambers.inefficiency
    border = seen & (CELL_MM / 2 - abs(away_mm) < chambers.border_mm)
    pulse = seen & (rng.random(n) < chambers.after_pulses)
    beyond = wire + np.sign(away_mm).astype(int)
    which = np.arange(n)
    none = np.zeros(n, bool)
    parts = [
        (t_ns[seen], wire[seen], which[seen], ~delta[seen], none[seen]),
        (
            (t_ns + rng.normal(0, chambers.resolution_ns, n) + 2 * early_ns)[border],
            beyond[border],
            which[border],
            none[border],
            ~delta[border],
        ),
        (
            (t_ns + 20 + rng.exponential(100, n))[pulse],
            wire[pulse],
            which[pulse],
            none[pulse],
            none[pulse],
        ),
    ]
    t, wires, muon, own, twin = (np.concatenate(p) for p in zip(*parts, strict=True))
    inside = (wires >= 0) & (wires < 16)
    where = np.full(len(t), chamber), np.full(len(t), layer)
    return _hits(*(values[inside] for values in (t, *where, wires, muon, own, twin)))


def _hits(t_ns, chamber, layer, wire, muon, own, twin=False) -> pl.DataFrame:  # type: ignore[no-untyped-def]
    first, z_mm = np.array(FIRST_WIRE_MM), np.array(CHAMBER_Z_MM)
    return pl.DataFrame(
        {
            "t": np.rint(t_ns / TICK_NS).astype(np.int64),
            "chamber": chamber.astype(np.uint8),
            "layer": (layer + 1).astype(np.uint8),
            "wire": (wire + 1).astype(np.uint8),
            "x_mm": first[layer] + wire * CELL_MM,
            "z_mm": z_mm[chamber] + (layer - 1.5) * LAYER_MM,
            "view": np.array(CHAMBER_VIEW)[chamber].astype(np.uint8),
            "muon": muon.astype(np.int64),
            "own": own,
            "twin": np.broadcast_to(twin, len(wire)),
        }
    )

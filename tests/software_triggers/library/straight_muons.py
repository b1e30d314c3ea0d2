"""Straight muons through four chambers of drift cells, and the hits that they leave."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

TICK_NS = 25 / 30
DRIFT_UM_PER_NS = 53.8
T_MAX_NS = 390.0
CELL_MM = 42.0
LAYER_MM = 13.0
CONSTANTS = {
    "tick_ns": TICK_NS,
    "v_drift_um_per_ns": DRIFT_UM_PER_NS,
    "t_max_ns": T_MAX_NS,
    "cell_height_mm": LAYER_MM,
}
FIRST_WIRE_MM = {1: -294.0, 2: -315.0, 3: -294.0, 4: -315.0}
CHAMBER_Z_MM = (219.8, 977.3, 1035.6, 1819.8)
CHAMBER_VIEW = (0, 1, 0, 0)
MIDDLE_MM = 1000.0


@dataclass(frozen=True)
class Muons:
    """Times (n,) in ns, and x at z = MIDDLE_MM and slope in both views (2, n)."""

    t_ns: NDArray[np.float64]
    x_mm: NDArray[np.float64]
    slope: NDArray[np.float64]

    def x_at(self, view: int, z_mm: float) -> NDArray[np.float64]:
        return self.x_mm[view] + self.slope[view] * (z_mm - MIDDLE_MM)


def random_muons(
    rng: np.random.Generator, rate_hz: float, seconds: float, steepest: float = 0.4
) -> Muons:
    n = rng.poisson(rate_hz * seconds)
    t_ns = np.sort(rng.uniform(0, seconds * 1e9, n))
    angle = rng.uniform(-1, 1, (2, n)) * np.arctan(steepest)
    return Muons(t_ns, rng.uniform(-330, 330, (2, n)), np.tan(angle))


def hits_of(
    muons: Muons, rng: np.random.Generator, smear_ns: float = 1.0, noise: float = 0.05
) -> pl.DataFrame:
    """Hits in random order with the muon's number, -1 for noise, which comes on top."""
    parts = []
    for chamber, (middle, view) in enumerate(zip(CHAMBER_Z_MM, CHAMBER_VIEW, strict=True)):
        for layer, first in FIRST_WIRE_MM.items():
            z_mm = middle + (layer - 2.5) * LAYER_MM
            x_mm = muons.x_at(view, z_mm)
            wire = np.floor((x_mm - first) / CELL_MM + 0.5) + 1
            wire_mm = first + (wire - 1) * CELL_MM
            drift_ns = np.abs(x_mm - wire_mm) / DRIFT_UM_PER_NS * 1000
            t_ns = muons.t_ns + drift_ns + rng.normal(0, smear_ns, len(x_mm))
            parts.append(cells(t_ns, chamber, layer, wire, np.arange(len(x_mm))))
    hits = pl.concat(parts).filter(pl.col("wire").is_between(1, 16))
    n = rng.poisson(noise * len(hits))
    span_ns = muons.t_ns.max(initial=0) + T_MAX_NS
    parts = [hits]
    for chamber in range(4):
        for layer in range(1, 5):
            some = n // 16 + 1 if noise else 0
            wire = rng.integers(1, 17, some)
            parts.append(cells(rng.uniform(0, span_ns, some), chamber, layer, wire, -1))
    return pl.concat(parts).sample(fraction=1, shuffle=True, seed=int(rng.integers(1 << 30)))


def cells(t_ns, chamber, layer, wire, muon=-1) -> pl.DataFrame:  # type: ignore[no-untyped-def]
    """Hits in the cells of one layer, with the columns that the decoder gives."""
    wire = np.asarray(wire)
    return pl.DataFrame(
        {
            "t": np.rint(np.asarray(t_ns) / TICK_NS).astype(np.int64),
            "chamber": np.full(wire.shape, chamber, np.uint8),
            "layer": np.full(wire.shape, layer, np.uint8),
            "wire": wire.clip(0, 255).astype(np.uint8),
            "x_mm": FIRST_WIRE_MM[layer] + (wire - 1) * CELL_MM,
            "z_mm": np.full(wire.shape, CHAMBER_Z_MM[chamber] + (layer - 2.5) * LAYER_MM),
            "view": np.full(wire.shape, CHAMBER_VIEW[chamber], np.uint8),
            "muon": np.broadcast_to(np.asarray(muon, np.int64), wire.shape),
        }
    )


def random_hits(
    rng: np.random.Generator, n: int, span_ns: float, wires: int = 16, chambers: int = 2
) -> pl.DataFrame:
    """Hits anywhere, some of them twice, in random order: the fewer wires, the more rivalry."""
    parts = [
        cells(rng.uniform(0, span_ns, some), chamber, layer, rng.integers(1, wires + 1, some))
        for chamber in range(chambers)
        for layer, some in zip(
            range(1, 5), rng.multinomial(n // chambers, [0.25] * 4).tolist(), strict=True
        )
    ]
    hits = pl.concat(parts)
    twice = hits.sample(fraction=0.1, seed=int(rng.integers(1 << 30)))
    return pl.concat([hits, twice]).sample(
        fraction=1, shuffle=True, seed=int(rng.integers(1 << 30))
    )

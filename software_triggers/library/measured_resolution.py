"""What segments say of the resolution."""

from dataclasses import dataclass, field
from math import erf, exp, pi, sqrt
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

BIN_NS, BINS = 0.05, 4000
"""How finely it is counted how far hits are off their lines: up to 200 ns, all beyond in one."""
CUT = 2.5
STEPS = 300


@dataclass(frozen=True)
class Spread:
    """How far the hits of one chamber scatter around straight lines."""

    chamber: int
    segments: int
    resolution_ns: float
    error_ns: float
    """One standard deviation of it, from the number of segments alone."""
    beyond_3: float
    """Share of the segments that are off by more than three resolutions: of a bell 0.0027."""


@dataclass
class Offsets:
    """Counts, for each chamber, of how far four hits are off a line."""

    _counts: dict[int, NDArray[np.int64]] = field(default_factory=dict)

    def add(self, segments: pl.DataFrame) -> None:
        """Count rows of ``mean_timer.segments``; those of three hits say nothing of it."""
        four = segments.filter((pl.col("n_hits") == 4) & (pl.col("quality") == "HIGHQ"))
        off = four.select("chamber", ns=pl.col("chi2").sqrt() * pl.col("resolution_ns"))
        for (chamber,), own in off.partition_by("chamber", as_dict=True).items():
            place = np.minimum(own["ns"].to_numpy() / BIN_NS, BINS).astype(np.int64)
            counts = self._counts.setdefault(int(chamber), np.zeros(BINS + 1, np.int64))
            counts += np.bincount(place, minlength=BINS + 1)

    def counts(self, chamber: int) -> NDArray[np.int64]:
        """Return how many segments of a chamber are off by which distance, in bins of BIN_NS."""
        return self._counts[chamber]

    def spreads(self) -> list[Spread]:
        """Return what each chamber has, lowest number first."""
        return [_spread(chamber, self._counts[chamber]) for chamber in sorted(self._counts)]


def _spread(chamber: int, counts: NDArray[Any]) -> Spread:
    # The width of the bell whose part within CUT of its widths has the mean square that was
    # counted there, which tails move little; or within the largest distance, where less was kept.
    n, below = int(counts.sum()), np.cumsum(counts)
    middles = BIN_NS * (np.arange(len(counts)) + 0.5)
    squares = np.cumsum(counts * middles**2)
    last = int(np.flatnonzero(counts)[-1])
    width = float(np.sqrt(squares[last] / n))
    for _ in range(STEPS):
        k = min(last, max(1, round(CUT * width / BIN_NS) - 1))
        reach = BIN_NS * (k + 1) / width
        density = exp(-(reach**2) / 2) / sqrt(2 * pi)
        part = 1 - 2 * reach * density / erf(reach / sqrt(2))
        if part <= 0 or not below[k]:  # too few to tell a width
            break
        width = sqrt(squares[k] / max(1, below[k]) / part)
    beyond = 1 - below[min(last, round(3 * width / BIN_NS))] / n
    return Spread(chamber, n, width, 0.8 * width / sqrt(n), float(beyond))

"""Clocks and places of chambers, as declared, and segments without them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

CHAMBERS = 256


@dataclass(frozen=True)
class Alignment:
    """How chambers are off what the declaration says of them, by chamber number.

    Chambers behind the end of a list are not off.
    """

    t0_ns: Sequence[float] = ()
    """A chamber's clock is late by this."""
    x_mm: Sequence[float] = ()
    """A chamber lies so much further along x."""
    slope: Sequence[float] = ()
    """A chamber is turned around its middle: the slopes of its segments are too small by this."""

    @property
    def latest_ns(self) -> float:
        """How far a clock is late or early, at most."""
        return float(max(map(abs, self.t0_ns), default=0.0))


def declared_alignment(tables: Mapping[str, Sequence[float]]) -> Alignment:
    """Return what a declaration's tables chamber_t0_ns, chamber_x_mm and chamber_slope say."""
    return Alignment(*(tables.get(f"chamber_{name}", ()) for name in ("t0_ns", "x_mm", "slope")))


def aligned(
    segments: pl.DataFrame, alignment: Alignment, tick_ns: float
) -> tuple[pl.DataFrame, NDArray[Any]]:
    """Return segments where they would be without what their chambers are off, and by what.

    The time before is kept as ``told_t``. Behind the frame comes what was added to t0_ns, x_mm and
    slope by chamber, (256, 3), t0_ns being counted from the t that was moved by whole ticks.
    """
    added = np.zeros((CHAMBERS, 3))
    for k, values in enumerate((alignment.t0_ns, alignment.x_mm, alignment.slope)):
        added[: len(values), k] = values
    ticks = np.rint(added[:, 0] / tick_ns).astype(np.int64)
    added[:, 0] = ticks * tick_ns - added[:, 0]
    chamber = segments["chamber"].to_numpy()
    columns = zip(("t0_ns", "x_mm", "slope"), added[chamber].T, strict=True)
    moved = segments.with_columns(
        pl.col("t") - pl.Series(ticks[chamber]),
        *(pl.col(name) + pl.Series(values) for name, values in columns),
        told_t=pl.col("t"),
    )
    return moved, added

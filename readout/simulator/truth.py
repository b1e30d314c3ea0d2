"""Tables of what really happened in a simulation."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from readout.simulator.muons import Muons
from readout.simulator.stamp import Integers
from readout.simulator.telescope import Telescope

Table = dict[str, NDArray[Any]]
"""Columns of equal length."""


def muon_table(scope: Telescope, muons: Muons, first: int, start: int) -> Table:
    """One row for each muon; they are numbered from ``first``, their times begin at ``start``.

    ``t0`` and ``t0_ns`` say when it is in the middle of the telescope: whole ticks since the run's
    start, and the ns that remain. ``x_mm`` and ``slope_x`` are there the coordinate and slope that
    chambers of view 0 measure, ``y_mm`` and ``slope_y`` those of view 1.
    """
    t0 = (muons.t0_ns / scope.tick_ns).astype(np.int64)
    return {
        "muon": first + np.arange(len(t0)),
        "t0": start + t0,
        "t0_ns": muons.t0_ns - t0 * scope.tick_ns,
        "x_mm": muons.at_mm[0],
        "y_mm": muons.at_mm[1],
        "slope_x": muons.slope[0],
        "slope_y": muons.slope[1],
    }


def segment_table(scope: Telescope, muons: Muons, hits: Integers, first: int, start: int) -> Table:
    """One row for each muon and chamber, whether it left hits there or not.

    ``t0`` and ``t0_ns`` say when the muon is in the middle of the chamber, ``x_mm`` and ``slope``
    where, in the chamber's own view. ``n_hits`` counts the hits that reach the readout in a sound
    word, ``hits`` has the time of each in ticks, by layer, -1 where there is none.

    The hits that are passed have the shape (chambers, layers, muons), and are counted from start.
    """
    t0 = (muons.chamber_t0_ns / scope.tick_ns).astype(np.int64)
    height_mm = (scope.centre_mm - scope.middle_mm)[:, None]
    slope = muons.slope[scope.view]
    n = len(muons.t0_ns)
    by_chamber = {
        "chamber": np.repeat(scope.chamber.astype(np.uint8)[:, None], n, axis=1),
        "t0": start + t0,
        "t0_ns": muons.chamber_t0_ns - t0 * scope.tick_ns,
        "n_hits": (hits >= 0).sum(axis=1, dtype=np.uint8),
        "x_mm": muons.at_mm[scope.view] + slope * height_mm,
        "slope": slope,
    }
    return {
        "muon": np.repeat(first + np.arange(n), len(scope.chamber)),
        **{name: values.T.ravel() for name, values in by_chamber.items()},
        "hits": np.where(hits < 0, hits, start + hits).transpose(2, 0, 1).reshape(-1, scope.layers),
    }


def frame(tables: Sequence[Table]) -> pl.DataFrame:
    """One table of the rows of all; at least one is needed."""
    return pl.DataFrame({name: np.concatenate([t[name] for t in tables]) for name in tables[0]})

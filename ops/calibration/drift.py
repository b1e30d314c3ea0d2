"""The drift velocity, measured from segments."""

from dataclasses import asdict

import numpy as np
import polars as pl

from db.detector.elements import elements
from db.errors import UsageError
from ops.calibration.measured import FEWEST, Measured, Panel, check_declared
from ops.calibration.stored import Stored
from software_triggers.library.measured_drift import USES, checks, drifts, left_ns

VELOCITY, LONGEST = "v_drift_um_per_ns", "t_max_ns"
MOST = 1_000_000
"""Segments that are looked at: the first ones of each piece."""
BINS = 60


def measure_drift(of: Stored) -> Measured:
    """Return the drift velocity, as segments of four hits tell it, and the longest drift time.

    Raises UsageError where there are too few of them.
    """
    check_declared(of.run, constants=[VELOCITY, LONGEST])
    segments, tick_ns = of.lineage("segments"), float(of.run.detector.tick)
    wires, pieces = elements(of.run.detector), list[pl.DataFrame]()
    ranges = list(of.pieces())
    for a, b in ranges:
        rows = of.rows(segments, a, b, ("t", *USES))
        pieces.append(checks(rows, wires, tick_ns).head(MOST // len(ranges)))
    found, believed = pl.concat(pieces), of.run.detector.constants[VELOCITY]
    if len(found) < FEWEST:
        raise UsageError(
            f"run {of.run.run_id} has {len(found)} segments of four hits that tell a drift"
            f" velocity, and {FEWEST} are needed: take a longer range"
        )
    each = drifts(found, believed)
    velocity = round(each[-1].v_drift_um_per_ns, 4)
    rows_of = [asdict(one) | {"kept": one.chamber < 0} for one in each]
    for row in rows_of:
        row["chamber"] = "all" if row["chamber"] == -1 else row["chamber"]
    longest = of.run.detector.constants[LONGEST] * believed / velocity
    return Measured(
        rows_of,
        {VELOCITY: velocity, LONGEST: round(longest, 3)},
        {},
        [
            _panel(
                f"chamber {one.chamber}",
                part,
                one.width_ns,
                {"before": believed, "after": velocity},
            )
            for one in each[:-1]
            if len(part := found.filter(chamber=one.chamber))
        ],
    )


def _panel(title: str, part: pl.DataFrame, width_ns: float, at: dict[str, float]) -> Panel:
    edges = np.linspace(-5 * width_ns, 5 * width_ns, BINS + 1)
    counts = {
        f"{label}: {velocity:.4g} µm/ns": np.histogram(left_ns(part, velocity), edges)[0]
        for label, velocity in at.items()
    }
    return Panel(title, "four hits off a line (ns)", edges, counts)

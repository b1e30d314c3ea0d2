"""The resolution of chambers, measured from segments."""

from dataclasses import asdict
from math import erf, sqrt

import numpy as np

from db.errors import UsageError
from ops.calibration.measured import FEWEST, Measured, Panel, check_declared, with_measured
from ops.calibration.stored import Stored
from software_triggers.library.measured_resolution import BIN_NS, Offsets, Spread

TABLE = "resolution_ns"
USES = ("t", "chamber", "n_hits", "quality", "chi2", "resolution_ns")
SHOWN_WIDTHS, BINS = 5, 25


def measure_resolution(of: Stored) -> Measured:
    """Return each chamber's resolution, as its segments of four hits tell it.

    Raises UsageError where none has enough of them.
    """
    check_declared(of.run, tables=[TABLE])
    segments, offsets = of.lineage("segments"), Offsets()
    for a, b in of.pieces():
        offsets.add(of.rows(segments, a, b, USES))
    spreads = offsets.spreads()
    good = {each.chamber: round(each.resolution_ns, 3) for each in spreads if _enough(each)}
    if not good:
        most = max((each.segments for each in spreads), default=0)
        raise UsageError(
            f"run {of.run.run_id} has {most} segments of four hits in a chamber, and {FEWEST} tell"
            " a resolution: take a longer range"
        )
    return Measured(
        [asdict(each) | {"kept": _enough(each)} for each in spreads],
        {},
        {TABLE: with_measured(of.run, TABLE, good)},
        [_panel(each, offsets, float(of.run.detector.tick)) for each in spreads],
    )


def _enough(each: Spread) -> bool:
    return each.segments >= FEWEST


def _panel(each: Spread, offsets: Offsets, tick_ns: float) -> Panel:
    # Counts beside the bell of the width that was found. Most distances are multiples of half a
    # tick: each bin holds as many of these.
    step = tick_ns / 2 * max(1, round(2 * SHOWN_WIDTHS * each.resolution_ns / BINS / tick_ns))
    edges = np.arange(-tick_ns / 4, SHOWN_WIDTHS * each.resolution_ns, step).clip(0)
    counts = offsets.counts(each.chamber)
    middles = BIN_NS * (np.arange(len(counts)) + 0.5)
    below = [erf(edge / each.resolution_ns / sqrt(2)) for edge in edges]
    named = {
        "segments": np.histogram(middles, edges, weights=counts)[0],
        f"{each.resolution_ns:.3g} ns": each.segments * np.diff(below),
    }
    return Panel(f"chamber {each.chamber}", "four hits off a line (ns)", edges, named)

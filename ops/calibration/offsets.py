"""Clocks and places of chambers, measured from tracks."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from db.errors import UsageError
from ops.calibration.measured import FEWEST, Measured, Panel, check_declared, with_measured
from ops.calibration.stored import Stored
from software_triggers.library.alignment import declared_alignment
from software_triggers.library.measured_offsets import (
    USES_SEGMENTS,
    USES_TRACKS,
    Offset,
    Passages,
    from_lines,
    joined,
    offsets,
    passages,
)
from software_triggers.library.straight_track import REACH_NS
from software_triggers.task.names import lineage_of

MOST = 100_000
"""Tracks that are looked at: the first ones of each piece."""
BINS = 60
Names = dict[str, tuple[str, str]]
T0: Names = {"chamber_t0_ns": ("t0_ns", "t0_err_ns")}
ALIGNMENT: Names = {
    "chamber_x_mm": ("x_mm", "x_err_mm"),
    "chamber_slope": ("slope", "slope_err"),
}
"""Of each table, what an ``Offset`` calls its value and its error."""
HEIGHT: Names = {"chamber_z_mm": ("z_mm", "z_err_mm")}
"""Where chambers lie, which not every declaration keeps in a table."""
CONSTANTS = ("v_drift_um_per_ns", "cell_height_mm")


def measure_t0(of: Stored) -> Measured:
    """Return by how much chambers' clocks are late, as tracks tell it.

    Raises UsageError where there are too few of them.
    """
    return _measured(of, T0, 2, "segments' times off tracks (ns)")


def measure_alignment(of: Stored) -> Measured:
    """Return by how much chambers lie further along x, and are turned, as tracks tell it.

    Where the declaration has a table ``chamber_z_mm``, that is measured, too. Raises UsageError
    where there are too few tracks.
    """
    names = ALIGNMENT | {n: of_z for n, of_z in HEIGHT.items() if n in of.run.detector.tables}
    return _measured(of, names, 0, "segments' x off tracks (mm)")


def _measured(of: Stored, names: Names, shown: int, label: str) -> Measured:
    check_declared(of.run, constants=CONSTANTS, tables=[*T0, *ALIGNMENT])
    found = _passages(of)
    each, after = offsets(found, declared_alignment(of.run.detector.tables))
    height = dict(enumerate(of.run.detector.tables.get("chamber_z_mm", ())))
    each = [replace(one, z_mm=height.get(one.chamber, 0.0) + one.z_mm) for one in each]
    good = [one for one in each if one.segments >= FEWEST]
    if not good:
        most = max((one.segments for one in each), default=0)
        raise UsageError(
            f"run {of.run.run_id} has {most} segments of four hits in tracks through a chamber, and"
            f" {FEWEST} are needed: take a longer range"
        )
    before, left = from_lines(found)[:, shown], from_lines(after)[:, shown]
    panels = []
    for one in each:
        own = found.chamber == one.chamber
        panels.append(_panel(one, before[own], left[own], label))
    tables = {
        table: with_measured(
            of.run, table, {one.chamber: round(getattr(one, name), 6) for one in good}
        )
        for table, (name, _) in names.items()
    }
    return Measured([_row(one, names) for one in each], {}, tables, panels)


def _row(one: Offset, names: Names) -> dict[str, object]:
    told = ("chamber", "view", "segments", *(name for pair in names.values() for name in pair))
    return {name: getattr(one, name) for name in told} | {"kept": one.segments >= FEWEST}


def _passages(of: Stored) -> Passages:
    detector, tracks = of.run.detector, of.lineage("tracks")
    segments = lineage_of(of.engine, of.run, "segments", tracks.inputs["segments"])
    tick_ns = float(detector.tick)
    far = round(REACH_NS / tick_ns)
    alignment = declared_alignment(detector.tables)
    ranges, parts = list(of.pieces()), list[Passages]()
    for a, b in ranges:
        made = of.rows(tracks, a, b, USES_TRACKS).head(MOST // len(ranges))
        near = of.rows(segments, a - far, b + far, USES_SEGMENTS)
        parts.append(
            passages(
                made,
                near if len(made) else near.clear(),
                tick_ns=tick_ns,
                v_drift_um_per_ns=detector.constants["v_drift_um_per_ns"],
                cell_height_mm=detector.constants["cell_height_mm"],
                flight_ns_per_m=detector.constants.get("flight_ns_per_m", 0.0),
                alignment=alignment,
            )
        )
    return joined(parts)


def _panel(
    one: Offset, before: NDArray[np.float64], after: NDArray[np.float64], label: str
) -> Panel:
    widest = 1.5 * float(np.quantile(abs(np.concatenate([before, after])), 0.95)) or 1.0
    edges = np.linspace(-widest, widest, BINS + 1)
    counts = {"before": np.histogram(before, edges)[0], "after": np.histogram(after, edges)[0]}
    return Panel(f"chamber {one.chamber}", label, edges, counts)

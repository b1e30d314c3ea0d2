"""The telescope as its declaration describes it."""

from dataclasses import dataclass
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from db.detector import Detector, decode
from db.detector.words import Words
from db.errors import DeclarationError, UsageError
from db.selection import to_numpy
from readout.simulator.stamp import WIDEST_LISTED, Clock, Integers, clock_of, pack, stamp

Floats = NDArray[np.float64]

CHANNEL = ("fpga", "tdc_channel")
COLUMNS = ("chamber", "layer", "wire", "view", "x_mm", "z_mm")


@dataclass(frozen=True, eq=False)
class Telescope:
    """A telescope of drift tubes as its declaration has it: chambers of layers of equal cells.

    Planes are the layers of all chambers, ordered by chamber, then layer; cells are the wires of
    all planes, ordered by plane, then wire. A cell is as wide as its wire is from the next.
    """

    clock: Clock
    tick_ns: float
    disorder: int
    """Ticks."""
    v_mm_per_ns: float
    cell_mm: float
    layers: int
    """Planes of a chamber."""
    wires: int
    """Cells of a plane."""
    words: Words
    """A hit in each cell at the clock's earliest time, shape (cells, 1)."""
    fpga: Integers
    """Of each cell."""
    tdc_channel: Integers
    """Of each cell."""
    link: NDArray[np.uint16]
    """Of each cell."""
    first_x_mm: Floats
    """Of each plane: where its first wire is."""
    z_mm: Floats
    """Of each plane."""
    middle_mm: float
    """Half way between the lowest plane and the highest, which are ``height_mm`` apart."""
    height_mm: float
    chamber: Integers
    """Of each chamber: its number."""
    view: Integers
    """Of each chamber: which of the two coordinates it measures, 0 or 1."""
    centre_mm: Floats
    """Of each chamber: z of its middle."""
    segment_words: Words
    """A segment's time in each chamber, at the clock's earliest; shape (chambers, 1), or (0, 1) if
    the detector has no such words."""
    segment_link: NDArray[np.uint16]
    """Of each chamber."""

    def cell_of(self, fpga: int, tdc_channel: int) -> int:
        """The cell of a channel; UsageError if it has no wire."""
        cell = np.flatnonzero((self.fpga == fpga) & (self.tdc_channel == tdc_channel))
        if not len(cell):
            raise UsageError(
                f"simulation: FPGA {fpga}, channel {tdc_channel} has no wire: it can't be noisy or"
                " weak; take one that has"
            )
        return int(cell[0])


def telescope_of(detector: Detector) -> Telescope:
    """The telescope that a declaration describes, found by decoding one word of every channel.

    A channel without a wire says so by layer 0, one in a chamber that the set-up hasn't got by a
    view that is neither 0 nor 1. Raises DeclarationError if this is no telescope of drift tubes.
    """
    _check_names(detector)
    on_wire = detector.selection("layer > 0 and view in (0, 1)")
    clock = clock_of(detector, on_wire)
    width = {field.name: field.width for field in detector.fields}
    grid = np.indices([2 ** width[name] for name in CHANNEL]).reshape(2, -1)
    channel = dict(zip(CHANNEL, grid, strict=True))
    words = pack(detector, clock.example, channel)
    columns = decode(detector, words, columns=(*COLUMNS, "hit", "corrupt", "link"))
    has_wire = columns["hit"] & ~columns["corrupt"] & to_numpy(on_wire, columns)
    order = np.lexsort([columns[name] for name in ("wire", "layer", "chamber")])
    cells = order[has_wire[order]]

    of_cell = {name: columns[name][cells] for name in COLUMNS}
    chamber, first = np.unique(of_cell["chamber"], return_index=True)
    planes = np.unique([of_cell["chamber"], of_cell["layer"]], axis=1).shape[1]
    layers, wires = planes // max(1, len(chamber)), len(cells) // max(1, planes)
    if wires < 2 or len(cells) != len(chamber) * layers * wires:
        _refuse(detector, f"{len(cells)} wires don't make chambers of equal layers", "layer, wire")
    x, z = (of_cell[name].astype(np.float64).reshape(planes, wires) for name in ("x_mm", "z_mm"))
    cell_mm = float(x[0, 1] - x[0, 0])
    if cell_mm <= 0 or not np.allclose(np.diff(x), cell_mm) or np.ptp(z, axis=1).any():
        _refuse(detector, "wires of a layer aren't evenly spaced at one height", "x_mm, z_mm")
    t = clock.origin + 997 * np.arange(len(cells))
    stamped = stamp(clock, words[cells, None], t)
    if (decode(detector, stamped.ravel(), columns=("t",))["t"] != t).any():
        _refuse(detector, "time is counted differently for some of the wires", "time")

    fpga, tdc_channel = (grid[cells] for grid in channel.values())
    lowest = [np.lexsort((tdc_channel, of_cell["chamber"] != number))[0] for number in chamber]
    return Telescope(
        clock=clock,
        tick_ns=float(detector.tick),
        disorder=detector.disorder,
        v_mm_per_ns=detector.constants["v_drift_um_per_ns"] / 1000,
        cell_mm=cell_mm,
        layers=layers,
        wires=wires,
        words=words[cells, None],
        fpga=fpga,
        tdc_channel=tdc_channel,
        link=columns["link"][cells].astype(np.uint16),
        first_x_mm=x[:, 0],
        z_mm=z[:, 0],
        middle_mm=float(z.min() + z.max()) / 2,
        height_mm=float(np.ptp(z)),
        chamber=chamber.astype(np.int64),
        view=of_cell["view"][first].astype(np.int64),
        centre_mm=z[:, 0].reshape(-1, layers).mean(axis=1),
        segment_words=_segment_words(detector, clock, fpga[lowest], tdc_channel[lowest]),
        segment_link=columns["link"][cells][lowest].astype(np.uint16),
    )


def _segment_words(
    detector: Detector, clock: Clock, fpga: Integers, tdc_channel: Integers
) -> Words:
    """Words of these channels that carry time and are no hits, by a mark in some other field."""
    used = {*CHANNEL, *(digit.field for digit in clock.digits)}
    for field in detector.fields:
        if field.name in used or field.width > WIDEST_LISTED:
            continue
        values = np.arange(2**field.width)
        words = pack(detector, clock.example, {field.name: values})
        columns = decode(detector, words, columns=("hit", "timed"))
        marks = columns["timed"] & ~columns["hit"]
        if marks.any():
            example = {**clock.example, field.name: int(values[marks][0])}
            return pack(detector, example, {"fpga": fpga, "tdc_channel": tdc_channel})[:, None]
    return np.empty((0, 1), np.uint64)


def _check_names(detector: Detector) -> None:
    have = {f.name for f in detector.fields} | {c.name for c in detector.columns}
    missing = [name for name in (*CHANNEL, *COLUMNS) if name not in have]
    missing += {"v_drift_um_per_ns"} - set(detector.constants)
    missing += [] if detector.link else ["link"]
    if missing or detector.words_per_hit != 1:
        problem = "lacks " + ", ".join(missing) if missing else "has hits of several words"
        raise DeclarationError(
            f"detector {detector.name} {problem}: it can't be simulated as a telescope of drift "
            "tubes; take one that can, or random hits (readout.simulator.noise)"
        )


def _refuse(detector: Detector, problem: str, where: str) -> NoReturn:
    raise DeclarationError(
        f"detector {detector.name}: {problem}, so it can't be simulated as a telescope of drift "
        f"tubes; mend {where}"
    )

"""What tracks say of clocks and places of chambers."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from software_triggers.library.alignment import Alignment, aligned
from software_triggers.library.straight_track import weight_by_sides

Array = NDArray[Any]

ROUNDS = 5
CUT = 4.0
"""Tracks with so many times the median chi2 are left out: not all of their hits are the muon's."""
MEDIAN = 0.85
"""About the median of chi2 per degree of freedom, of 3 to 6 of these, where errors are right."""
USES_TRACKS = ("t", "t0_ns", "x0_mm", "slope", "chambers", "segment_t")
USES_SEGMENTS = (
    *("t", "t0_ns", "chamber", "view", "quality", "x_mm", "z_mm", "slope", "resolution_ns"),
    "sides",
)


@dataclass(frozen=True)
class Offset:
    """By how much a chamber is off, in the sense of ``Alignment``; errors of 0 where it is held.

    ``z_mm`` is how much further along z it lies than its segments say.
    """

    chamber: int
    view: int
    segments: int
    t0_ns: float
    t0_err_ns: float
    x_mm: float
    x_err_mm: float
    slope: float
    slope_err: float
    z_mm: float
    z_err_mm: float


@dataclass(frozen=True)
class Passages:
    """Segments of four hits that tracks are made of, two or more of each, in order of track."""

    track: Array
    """0, 1, ... (n,)"""
    chamber: Array
    view: Array
    z_mm: Array
    slope: Array
    """The track's"""
    off: Array
    """How far a segment's x (mm), slope and time (ns) lie from the track's, (n, 3)"""
    weight: Array
    """Their inverse covariance, (n, 3, 3)"""

    def of(self, kept: Array) -> "Passages":
        """Return those of some rows; tracks keep their numbers."""
        return Passages(*(values[kept] for values in vars(self).values()))


def passages(
    tracks: pl.DataFrame,
    segments: pl.DataFrame,
    *,
    tick_ns: float,
    v_drift_um_per_ns: float,
    cell_height_mm: float,
    flight_ns_per_m: float,
    alignment: Alignment,
) -> Passages:
    """Return the segments of tracks beside these, as they lie by an alignment.

    ``tracks`` and ``segments`` are rows of ``straight_track.tracks`` and of the segments that they
    were made of. Segments that other lines fit as well are left out.
    """
    moved, _ = aligned(segments.filter(quality="HIGHQ"), alignment, tick_ns)
    moved = moved.unique(["told_t", "chamber"], keep="none")
    rows = (
        tracks.select(USES_TRACKS)
        .rename({"t": "track_t", "t0_ns": "track_ns", "slope": "track_slope"})
        .with_row_index("track")
        .explode("chambers", "segment_t")
        .join(moved, left_on=["chambers", "segment_t"], right_on=["chamber", "told_t"])
        .filter(pl.len().over("track") > 1)
        .sort("track", "chambers")
    )
    later = flight_ns_per_m / 1000 * (1 + pl.col("track_slope") ** 2).sqrt()
    late = (pl.col("t") - pl.col("track_t")) * tick_ns + pl.col("t0_ns") - pl.col("track_ns")
    off = rows.select(
        x=pl.col("x_mm") - pl.col("x0_mm") - pl.col("track_slope") * pl.col("z_mm"),
        slope=pl.col("slope") - pl.col("track_slope"),
        late=late + later * pl.col("z_mm"),
    ).to_numpy()
    sides = np.array(rows["sides"].to_list(), np.int64).reshape(-1, 4) + 1
    packed = weight_by_sides(v_drift_um_per_ns, cell_height_mm)[tuple(sides.T)]
    packed = packed / rows["resolution_ns"].to_numpy()[:, None] ** 2
    weight = packed[:, [[0, 1, 2], [1, 3, 4], [2, 4, 5]]]
    track = _numbered(rows["track"].to_numpy())
    names = ("chambers", "view", "z_mm", "track_slope")
    chamber, view, z_mm, slope = (rows[name].to_numpy() for name in names)
    return Passages(track, chamber, view, z_mm, slope, off, weight)


def joined(parts: list[Passages]) -> Passages:
    """Return all of them as one; at least one is needed."""
    first, parts = 0, list(parts)
    for k, part in enumerate(parts):
        parts[k] = replace(part, track=part.track + first)
        first += part.track.max(initial=-1) + 1
    columns = zip(*(vars(part).values() for part in parts), strict=True)
    return Passages(*(np.concatenate(values) for values in columns))


def from_lines(found: Passages) -> Array:
    """Return how far segments lie from the line that fits those of their track, as ``off``."""
    track, normal, pull = _lines(found)
    fit = (np.linalg.inv(normal) @ pull[:, :, None])[track]
    return found.off - (_line(found.z_mm) @ fit)[:, :, 0]


def offsets(found: Passages, known: Alignment) -> tuple[list[Offset], Passages]:
    """Return by how much chambers are off, and the passages as they lie without that.

    All lines of tracks and all offsets of a view are fitted at once, and tracks far from the fit
    left out. What the chambers of a view have in common can't be seen in it: where the lowest and
    the highest lie in x and z, and the clock of the lowest, are held as they are ``known`` by the
    alignment with which the passages were made. Chambers alone in their view are not measured.
    """
    measured, left = list[Offset](), found.off.copy()
    for view in np.unique(found.view).tolist():
        rows = np.flatnonzero(found.view == view)
        own = found.of(rows)
        chambers, place = np.unique(own.chamber, return_inverse=True)
        z_mm = np.array([own.z_mm[place == k].mean() for k in range(len(chambers))])
        lowest, highest = z_mm.argmin(), z_mm.argmax()
        free = np.ones((len(chambers), 4), np.bool_)
        free[[[lowest], [highest]], [0, 3]] = free[lowest, 2] = False
        moved, error, kept = _settled(own, place, free)
        left[rows] -= _seen(own, moved[place])
        segments = np.bincount(place[kept], minlength=len(chambers))
        for k, chamber in enumerate(chambers.tolist()):
            t0_ns, x_mm, slope = (
                values[chamber] if chamber < len(values) else 0.0
                for values in (known.t0_ns, known.x_mm, known.slope)
            )
            moved_z = moved[k, 3], error[k, 3]
            t0_ns, x_mm, slope = t0_ns + moved[k, 2], x_mm - moved[k, 0], slope - moved[k, 1]
            pairs = (t0_ns, error[k, 2], x_mm, error[k, 0], slope, error[k, 1], *moved_z)
            measured.append(Offset(chamber, view, int(segments[k]), *map(float, pairs)))
    return sorted(measured, key=lambda each: each.chamber), replace(found, off=left)


def _settled(own: Passages, place: Array, free: Array) -> tuple[Array, Array, Array]:
    # What is added to x, slope and time of each chamber, and how much further along z it lies
    # (c, 4), its error, and which rows served.
    moved, kept = np.zeros(free.shape), np.ones(len(place), np.bool_)
    for _ in range(ROUNDS):
        moved, error = _solved(own.of(kept), place[kept], free)
        per_degree = _chi2(replace(own, off=own.off - _seen(own, moved[place])))
        kept = (per_degree <= CUT * np.median(per_degree))[_numbered(own.track)]
    return moved, error * np.sqrt(np.median(per_degree) / MEDIAN), kept


def _solved(own: Passages, place: Array, free: Array) -> tuple[Array, Array]:
    # Least squares with a line and a time of its own for each track, which are eliminated first.
    track, own_line, pull = _lines(own)
    inverse = np.linalg.inv(own_line)
    size, effect = free.size, _effect(own)
    weighed = effect.transpose(0, 2, 1) @ own.weight
    crossed = np.zeros((len(inverse), len(free), 4, 3))  # of each track: chamber, its 4, line's 3
    np.add.at(crossed, (track, place), weighed @ _line(own.z_mm))
    by_line = crossed.reshape(-1, size, 3)
    normal = np.zeros((len(free), 4, len(free), 4))
    for k in range(len(free)):
        normal[k, :, k, :] = (weighed[place == k] @ effect[place == k]).sum(axis=0)
    in_lines = np.einsum("kia,kab,kjb->ij", by_line, inverse, by_line, optimize=True)
    right = np.zeros((len(free), 4))
    np.add.at(right, place, np.einsum("nij,nj->ni", weighed, own.off))
    right = right.ravel() - np.einsum("kia,kab,kb->i", by_line, inverse, pull, optimize=True)
    which = free.ravel()
    covariance = np.linalg.pinv((normal.reshape(size, size) - in_lines)[np.ix_(which, which)])
    moved, error = np.zeros(size), np.zeros(size)
    moved[which] = covariance @ right[which]
    error[which] = np.sqrt(np.diagonal(covariance))
    return moved.reshape(free.shape), error.reshape(free.shape)


def _effect(own: Passages) -> Array:
    # What a chamber's four do to x, slope and time of a segment, (n, 3, 4): a muon is at another x
    # where the chamber lies further along z.
    effect = np.tile(np.eye(3, 4), (len(own.slope), 1, 1))
    effect[:, 0, 3] = own.slope
    return effect


def _seen(own: Passages, moved: Array) -> Array:
    # x, slope and time (n, 3) that segments are off by what their chambers are, (n, 4).
    return (_effect(own) @ moved[:, :, None])[:, :, 0]


def _lines(own: Passages) -> tuple[Array, Array, Array]:
    # Each row's track, from 0 on, and of each the normal matrix and right side of its line.
    track = _numbered(own.track)
    line = _line(own.z_mm)
    weighed = line.transpose(0, 2, 1) @ own.weight
    n = track.max(initial=-1) + 1
    normal, pull = np.zeros((n, 3, 3)), np.zeros((n, 3))
    np.add.at(normal, track, weighed @ line)
    np.add.at(pull, track, np.einsum("nij,nj->ni", weighed, own.off))
    return track, normal, pull


def _line(z_mm: Array) -> Array:
    # x, slope and time at z, of a line's x at 0, slope and time: (n, 3, 3).
    line = np.tile(np.eye(3), (len(z_mm), 1, 1))
    line[:, 0, 1] = z_mm
    return line


def _chi2(own: Passages) -> Array:
    # chi2 per degree of freedom of each track after the fit of its own line.
    track, normal, pull = _lines(own)
    square = np.bincount(track, np.einsum("ni,nij,nj->n", own.off, own.weight, own.off))
    square -= np.einsum("ka,kab,kb->k", pull, np.linalg.inv(normal), pull)
    return square / (3 * np.bincount(track) - 3)


def _numbered(track: Array) -> Array:
    # The same tracks, in order, as 0, 1, ...
    return np.cumsum(np.diff(track, prepend=track[:1]) != 0)

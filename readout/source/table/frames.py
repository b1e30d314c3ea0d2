"""Stacks of frames that are mostly dark: their pixels above the threshold are the rows."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from db.detector.table import FRAME, OF_A_PIXEL, Table
from db.errors import SourceError
from readout.source.table.rows import Dark, Rows

PIECE_PIXELS = 1 << 23
"""So many are read at once, or one frame, or one chunk of an HDF5 dataset if it is no larger than
eight times that."""

Pixels = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Stack:
    """Frames of one shape, of which some are read at a time."""

    shape: tuple[int, int, int]
    """Frames, rows, columns."""
    at_once: int
    """Frames that the file keeps together."""
    read: Callable[[int, int], Pixels]
    """The frames [first, stop)."""
    dataset: Callable[[str], Pixels]
    """All of a dataset beside them. Raises SourceError if there is none."""


def read_frames(path: Path, kind: str, table: Table, piece_rows: int) -> Iterator[Rows]:
    """The pixels above the threshold of an HDF5 dataset or a TIFF file, in order of frames.

    Columns are ``FRAME``, those of ``OF_A_PIXEL``, and datasets with a value for each frame. What
    is not above the threshold, NaN too, is left out; what isn't 0 of it is counted.
    Masked pixels are neither.

    Raises SourceError for a file without such a stack, a column that is neither, a map of another
    shape; OSError for a damaged file.
    """
    name = str(path)
    with opened(path, kind, table.place) as stack:
        n_frames = stack.shape[0]
        threshold, rule = _threshold(path, table, stack)
        others = [column for column in table.columns if column not in (FRAME, *OF_A_PIXEL)]
        of_frames = {column: _beside(stack, column, name) for column in others}
        of_frames[FRAME] = np.arange(n_frames)
        seen, step = 0, _step(stack)
        for first in range(0, n_frames, step):
            stop = min(first + step, n_frames)
            pixels = stack.read(first, stop)
            values, lit = pixels.reshape(-1), (pixels > threshold).reshape(-1)
            n_dark = np.count_nonzero(values)
            if table.masked:
                masked = np.isin(values, table.masked)
                n_dark -= np.count_nonzero(values[masked])
                lit &= ~masked
            above = np.flatnonzero(lit)
            n_dark -= np.count_nonzero(values[above])
            times = {each.column: of_frames[each.column][first:stop] for each in table.times}
            dark = Dark(int(n_dark), rule, pl.DataFrame(times))
            for start in range(0, max(len(above), 1), piece_rows):
                some = above[start : start + piece_rows]
                number, y, x = np.unravel_index(some, pixels.shape)
                number = number + first
                columns = {each: column[number] for each, column in of_frames.items()}
                columns |= {"x": x, "y": y, "value": values[some]}
                rows = pl.DataFrame({each: columns[each] for each in table.columns})
                yield Rows(rows, seen, "pixel", dark=None if start else dark)
                seen += len(some)


def _step(stack: Stack) -> int:
    """How many frames are read at once."""
    pixels = max(stack.shape[1] * stack.shape[2], 1)
    most = max(PIECE_PIXELS // pixels, 1)
    if most >= stack.at_once:
        return most // stack.at_once * stack.at_once
    return stack.at_once if stack.at_once * pixels <= 8 * PIECE_PIXELS else most


@contextmanager
def opened(path: Path, kind: str, place: str) -> Iterator[Stack]:
    """The stack in a file; ``place`` is its dataset, empty for the only one.

    Raises SourceError if there is none.
    """
    if kind == "HDF5":
        from readout.source.table import frames_hdf5

        with frames_hdf5.opened(path, place) as stack:
            yield stack
    elif kind == "TIFF":
        from readout.source.table import frames_tiff

        with frames_tiff.opened(path) as stack:
            yield stack
    else:
        raise SourceError(f"{path}: frames are read from HDF5 and TIFF, this is {kind}")


def native(values: Pixels) -> Pixels:
    """The same numbers, of a kind that Polars knows."""
    kind = np.dtype(np.float32) if values.dtype == np.float16 else values.dtype
    return values.astype(kind.newbyteorder("="), copy=False)


def _threshold(path: Path, table: Table, stack: Stack) -> tuple[Any, str]:
    """The number, or one for each pixel, and how it is booked."""
    given = table.threshold
    if given is None:
        raise SourceError(
            f"{path}: say in [table] threshold which pixels of its frames are hits: those above it"
        )
    if not isinstance(given, str):
        return given, f"above {given:.15g}"
    levels = _npy(path.parent / given) if given.endswith(".npy") else stack.dataset(given)
    if levels.shape != stack.shape[1:]:
        raise SourceError(
            f"{path}: the threshold's map {given} has the shape {levels.shape}, and a frame"
            f" {stack.shape[1:]}"
        )
    digest = sha256(levels.tobytes()).hexdigest()[:16]
    return levels, f"above {given}, SHA-256 {digest}"


def _npy(path: Path) -> Pixels:
    """A map beside the frames' file, or under its whole path."""
    try:
        found = np.load(BytesIO(path.read_bytes()), allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        reason = str(error).split("\n")[0]
        raise SourceError(f"{path}: the threshold's map can't be read: {reason}") from None
    if not isinstance(found, np.ndarray) or found.dtype.kind not in "iufb":
        raise SourceError(f"{path}: the threshold's map must be an array of numbers")
    return found


def _beside(stack: Stack, column: str, name: str) -> Pixels:
    """A column of one value a frame."""
    values = stack.dataset(column)
    if values.shape != stack.shape[:1]:
        raise SourceError(
            f"{name}: {column} has the shape {values.shape}, and there are {stack.shape[0]} frames;"
            f" a column is one of {', '.join((FRAME, *OF_A_PIXEL))}, or has a value for each frame"
        )
    return values

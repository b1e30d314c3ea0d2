"""Frames as they were above their threshold, rebuilt from hits, as an HDF5 stack."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from api.export.extra import needs_extra
from api.export.formats import FORMATS, Format
from api.export.rows import Rows
from api.export.spooled import check_room, pieces_of, spool
from db.detector import Detector
from db.detector.table import OF_A_PIXEL
from db.errors import UsageError

_PIXELS = 1 << 22
"""So many are held at once, or one frame."""


@dataclass(frozen=True)
class Pixels:
    """What the hits of a detector's frames say of a pixel, as columns, and the frames' size."""

    x: str
    y: str
    value: str
    beside: tuple[str, ...]
    """Columns that a frame's hits share."""
    n_rows: int
    n_columns: int

    @property
    def columns(self) -> tuple[str, ...]:
        """All that must be exported."""
        return (*self.beside, self.x, self.y, self.value)


def as_frames(
    detector: Detector, size: str, what: str, form: Format, columns: str
) -> tuple[tuple[str, ...], Format]:
    """Return the columns to export, and the format that makes frames of them.

    ``size`` has rows and columns of a frame, as 512x1028. Raises UsageError for another text, and
    where hits can't be frames.
    """
    found = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", size)
    if found is None:
        raise UsageError(f"frames {size}: write rows and columns of a frame, as 512x1028")
    if what != "hits" or form is not FORMATS["hdf5"] or columns:
        raise UsageError("frames are of hits in an HDF5 file, without a choice of columns")
    pixels = pixels_of(detector, int(found[1]), int(found[2]))
    return pixels.columns, replace(form, write=partial(frames_hdf5, pixels=pixels))


def pixels_of(detector: Detector, n_rows: int, n_columns: int) -> Pixels:
    """How the detector's table keeps pixels. Raises UsageError if it declares no frames."""
    table = detector.table
    named = {each.column: each.name for each in table.values} if table else {}
    if table is None or table.threshold is None or not set(OF_A_PIXEL) <= set(named):
        raise UsageError(f"{detector.name} declares no frames whose hits have x, y and value")
    beside = [each.name for each in table.values if each.column not in OF_A_PIXEL]
    x, y, value = (named[column] for column in OF_A_PIXEL)
    return Pixels(x, y, value, ("t", *beside), n_rows, n_columns)


def frames_hdf5(rows: Rows, pixels: Pixels) -> Iterator[bytes]:
    """Yield an HDF5 file with the frames that have hits, from rows in order of t.

    Dataset ``<name>/<value>`` has the shape (frames, rows, columns); a pixel without a hit is 0.
    Beside it ``t`` and what else a frame's hits share have a value for each frame.

    Raises UsageError for a hit outside of the frames.
    """
    with needs_extra("HDF5"):
        import h5py

    shape = pixels.n_rows, pixels.n_columns
    with spool(rows, ".h5") as path:
        with h5py.File(path, "w", libver="latest") as h5:
            group = h5.create_group(rows.name)
            group.attrs.update(rows.told)
            kinds = {each.name: each.type.to_pandas_dtype() for each in rows.schema}
            how = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
            data = group.create_dataset(
                pixels.value,
                (0, *shape),
                kinds[pixels.value],
                maxshape=(None, *shape),
                chunks=(1, *shape),
                **how,
            )
            beside = {
                name: group.create_dataset(name, (0,), kinds[name], maxshape=(None,))
                for name in pixels.beside
            }
            last: int | None = None
            for batch in rows.batches:
                columns = {name: batch[name].to_numpy(zero_copy_only=False) for name in kinds}
                if len(columns["t"]):
                    _append(data, beside, columns, pixels, last)
                    last = int(columns["t"][-1])
                check_room(path)
                yield b""  # others may have a turn
        yield from pieces_of(path)


def _append(
    data: Any,
    beside: dict[str, Any],
    columns: dict[str, NDArray[Any]],
    pixels: Pixels,
    last: int | None,
) -> None:
    """Append the hits' frames; hits of time ``last`` belong to the frame that is there."""
    x, y, t = columns[pixels.x], columns[pixels.y], columns["t"]
    outside = (x < 0) | (x >= pixels.n_columns) | (y < 0) | (y >= pixels.n_rows)
    if outside.any():
        n = int(np.argmax(outside))
        raise UsageError(
            f"a hit lies at {pixels.x} = {x[n]}, {pixels.y} = {y[n]}, outside of frames of"
            f" {pixels.n_rows} rows and {pixels.n_columns} columns"
        )
    begins = np.concatenate([[last is None or t[0] != last], np.diff(t) != 0])
    before = len(data)
    frame = before - 1 + np.cumsum(begins)
    for name, dataset in beside.items():
        dataset.resize((frame[-1] + 1,))
        dataset[before:] = columns[name][begins]
    data.resize(frame[-1] + 1, axis=0)
    step = max(1, _PIXELS // (pixels.n_rows * pixels.n_columns))
    for first in range(int(frame[0]), int(frame[-1]) + 1, step):
        some = slice(*np.searchsorted(frame, [first, first + step]))
        n_frames = int(frame[some.stop - 1]) + 1 - first
        dense = np.zeros((n_frames, pixels.n_rows, pixels.n_columns), data.dtype)
        if first < before:
            dense[0] = data[first]
        dense[frame[some] - first, y[some], x[some]] = columns[pixels.value][some]
        data[first : first + n_frames] = dense

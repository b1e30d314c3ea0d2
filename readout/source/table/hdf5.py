"""Tables in HDF5 files: one dataset a column, or NeXus events of many pulses."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import polars as pl

from db.detector.table import Table
from db.errors import SourceError
from readout.source.table.columns import needed
from readout.source.table.links_hdf5 import everything
from readout.source.table.rows import Rows

PIECE_ROWS = 1 << 18
_PULSE_TIME, _PULSE_INDEX = "event_time_zero", "event_index"


def read_hdf5(path: Path, table: Table, piece_rows: int = PIECE_ROWS) -> Iterator[Rows]:
    """The rows of an HDF5 file: the declared columns are datasets of the declaration's group.

    A compound dataset's fields are columns, too, if the declaration names it as the place. In a
    group of NeXus events ``event_time_zero`` has a time for each pulse, and ``event_index`` the
    first event of each; as a column it is the pulse's time for each of its events.

    Raises SourceError if it lacks a column or their lengths differ, OSError if it is damaged.
    """
    with h5py.File(path) as file:
        place = _place(file, table, str(path))
        columns = _columns(place)
        names = needed(columns, table, str(path))
        by_pulse = _PULSE_INDEX in columns and _PULSE_TIME in names
        plain = [name for name in names if not (by_pulse and name == _PULSE_TIME)]
        lengths = {name: len(columns[name]) for name in plain}
        if len(set(lengths.values())) != 1:
            told = ", ".join(f"{name} {length}" for name, length in lengths.items())
            raise SourceError(f"{path}: the lengths of its columns differ: {told}")
        n_rows = lengths[plain[0]]
        starts = _pulse_starts(columns, n_rows, str(path)) if by_pulse else None
        pulse_times = columns[_PULSE_TIME][:] if by_pulse else None
        step = max([piece_rows, *(_chunk_rows(columns[name]) for name in plain)])
        for first in range(0, n_rows, step):
            stop = min(first + step, n_rows)
            values = {name: _read(columns[name], first, stop) for name in plain}
            if starts is not None and pulse_times is not None:
                pulses = np.searchsorted(starts, np.arange(first, stop), side="right") - 1
                values[_PULSE_TIME] = pulse_times[pulses]
            yield Rows(pl.DataFrame(values), first)


class _Fields:
    """A field of a compound dataset, read as if it were a dataset of its own."""

    def __init__(self, dataset: Any, name: str) -> None:
        self._dataset, self._name = dataset, name

    def __len__(self) -> int:
        return len(self._dataset)

    @property
    def chunks(self) -> Any:
        return self._dataset.chunks

    def __getitem__(self, rows: slice) -> Any:
        return self._dataset.fields(self._name)[rows]


def _place(file: Any, table: Table, name: str) -> Any:
    if table.place:
        if table.place not in file:
            raise SourceError(f"{name}: it has no group or dataset {table.place}")
        return file[table.place]
    wanted = set(table.columns)
    found = [each for each in (file, *everything(file)) if wanted <= set(_columns(each))]
    if len(found) != 1:
        there = ", ".join(each.name for each in found) or "none"
        raise SourceError(
            f"{name}: one group must hold {', '.join(table.columns)}, there is {there}: name it in"
            " [table] place"
        )
    return found[0]


def _columns(place: Any) -> dict[str, Any]:
    if isinstance(place, h5py.Dataset):
        return {name: _Fields(place, name) for name in place.dtype.names or ()}
    return {
        name: each
        for name, each in place.items()
        if isinstance(each, h5py.Dataset) and each.ndim == 1
    }


def _pulse_starts(columns: dict[str, Any], n_rows: int, name: str) -> Any:
    """The first event of each pulse; pulses without events may share it with the next one."""
    starts = columns[_PULSE_INDEX][:].astype(np.int64)
    fits = len(starts) == len(columns[_PULSE_TIME])
    if not fits or (len(starts) and (starts[0] != 0 or (np.diff(starts) < 0).any())):
        raise SourceError(f"{name}: {_PULSE_INDEX} doesn't tell the pulses of {n_rows} events")
    return starts


def _chunk_rows(column: Any) -> int:
    """The rows that the file keeps, and compresses, together; 0 if they are in one piece."""
    return int(column.chunks[0]) if column.chunks else 0


def _read(column: Any, first: int, stop: int) -> Any:
    values = column[first:stop]
    return values.astype(values.dtype.newbyteorder("="))

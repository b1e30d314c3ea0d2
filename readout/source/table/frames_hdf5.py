"""Frames in a dataset of an HDF5 file."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from db.detector.keys import suggest
from db.errors import SourceError
from readout.source.table.frames import Stack, native
from readout.source.table.links_hdf5 import everything, members

if find_spec("hdf5plugin"):
    import hdf5plugin  # noqa: F401  its import brings filters to HDF5


@contextmanager
def opened(path: Path, place: str) -> Iterator[Stack]:
    """The declared dataset of frames, or the only one; of a group all of its, one after the other.

    Raises SourceError if there is none, or if a filter is missing; OSError if it is damaged.
    """
    with h5py.File(path) as file:
        parts = _frames(file, place, str(path))
        starts = [0, *accumulate(len(data) for data in parts)]

        def dataset(name: str) -> Any:
            found = file.get(name)
            if not isinstance(found, h5py.Dataset) or found.dtype.kind not in "iufb":
                raise SourceError(f"{path}: it has no dataset of numbers {name}")
            return native(found[()])

        def read(first: int, stop: int) -> Any:
            pieces = [
                data[max(first - start, 0) : stop - start]
                for data, start in zip(parts, starts, strict=False)
                if start < stop and first < start + len(data)
            ]
            return native(np.concatenate(pieces) if len(pieces) > 1 else pieces[0])

        for data in parts:
            _check_filters(data, str(path))
        at_once = max(data.chunks[0] if data.chunks else 1 for data in parts)
        yield Stack((starts[-1], *parts[0].shape[1:]), at_once, read, dataset)


def look(path: Path) -> tuple[str, bool, tuple[str, ...]] | None:
    """The largest dataset of frames, whether there are others, and datasets of a value a frame.

    None if there is no such dataset, or if a table is larger. Raises OSError for a damaged file.
    """
    with h5py.File(path) as file:
        numbers = [
            e for e in everything(file) if isinstance(e, h5py.Dataset) and e.dtype.kind in "iufbV"
        ]
        largest = max(numbers, key=lambda each: each.size or 0, default=None)
        if largest is None or not is_stack(largest) or not largest.size:
            return None
        stacks = [each for each in numbers if is_stack(each)]
        if series := _series(file, stacks):
            return series.name.lstrip("/"), False, ()
        beside = [e for e in numbers if e.shape == largest.shape[:1] and e.dtype.kind in "iuf"]
        names = tuple(each.name.lstrip("/") for each in beside)
        return largest.name.lstrip("/"), len(stacks) > 1, names


def _series(file: Any, stacks: list[Any]) -> Any:
    """The only group that has all of these stacks, of names that differ by a number; None if none.

    So do the files that a detector writes: one of links to many of some thousand frames.
    """
    if len(stacks) < 2:
        return None
    for group in (file, *everything(file)):
        if isinstance(group, h5py.Group):
            names = [key for key in group if is_stack(group.get(key))]
            if len(names) == len(stacks) and len({key.rstrip("0123456789") for key in names}) == 1:
                return group
    return None


def _frames(file: Any, place: str, name: str) -> list[Any]:
    inside = list(everything(file))
    found = [each for each in inside if is_stack(each)]
    for group in [] if place else (file, *inside):
        if isinstance(group, h5py.Group) and any(map(is_stack, group.values())):
            list(members(group, name))  # some of its frames may be in a file that isn't there
    series = file.get(place) if place else _series(file, found)
    if isinstance(series, h5py.Group):
        parts = [each for each in members(series, name) if is_stack(each)]
        if len({part.shape[1:] for part in parts}) > 1:
            raise SourceError(f"{name}: the frames in {series.name} are not all of one size")
        if parts:
            return parts
    if place:
        data = file.get(place)
        if data is None:
            known = (each.name.lstrip("/") for each in found)
            raise SourceError(f"{name}: it has no dataset {place}; {suggest(place, known)}")
        if not is_stack(data):
            whole = isinstance(data, h5py.Dataset)
            held = f"{data.shape} of {data.dtype}" if whole else "a group"
            raise SourceError(
                f"{name}: {place} is {held}: frames are a dataset of numbers of the shape (frames,"
                " rows, columns)"
            )
        return [data]
    if len(found) != 1:
        there = ", ".join(each.name for each in found) or "none"
        raise SourceError(
            f"{name}: one dataset must have the shape (frames, rows, columns), there is {there}:"
            " name it in [table] place"
        )
    return found


def _check_filters(data: Any, name: str) -> None:
    created = data.id.get_create_plist()
    for n in range(created.get_nfilters()):
        number, *_, title = created.get_filter(n)
        if not h5py.h5z.filter_avail(number):
            title = title.decode(errors="replace").split(";")[0] or "of no name"
            raise SourceError(
                f"{name}: {data.name} was written with filter {number} ({title}), which isn't"
                " there: pip install 'everyhit[frames]'"
            )


def is_stack(each: Any) -> bool:
    """Whether it is a dataset of frames."""
    return isinstance(each, h5py.Dataset) and each.ndim == 3 and each.dtype.kind in "iufb"

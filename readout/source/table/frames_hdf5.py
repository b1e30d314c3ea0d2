"""Frames in a dataset of an HDF5 file."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import h5py

from db.detector.keys import suggest
from db.errors import SourceError
from readout.source.table.frames import Stack, native

if find_spec("hdf5plugin"):
    import hdf5plugin  # noqa: F401  its import brings filters to HDF5


@contextmanager
def opened(path: Path, place: str) -> Iterator[Stack]:
    """The declared dataset of frames, or the only one.

    Raises SourceError if there is none, or if a filter is missing; OSError if it is damaged.
    """
    with h5py.File(path) as file:
        data = _frames(file, place, str(path))

        def dataset(name: str) -> Any:
            found = file.get(name)
            if not isinstance(found, h5py.Dataset) or found.dtype.kind not in "iufb":
                raise SourceError(f"{path}: it has no dataset of numbers {name}")
            return native(found[()])

        def read(first: int, stop: int) -> Any:
            return native(data[first:stop])

        _check_filters(data, str(path))
        at_once = data.chunks[0] if data.chunks else 1
        yield Stack(data.shape, at_once, read, dataset)


def look(path: Path) -> tuple[str, bool, tuple[str, ...]] | None:
    """The largest dataset of frames, whether there are others, and datasets of a value a frame.

    None if there is no such dataset, or if a table is larger. Raises OSError for a damaged file.
    """
    found: list[Any] = []
    with h5py.File(path) as file:
        file.visititems(lambda _, each: found.append(each))
        numbers = [e for e in found if isinstance(e, h5py.Dataset) and e.dtype.kind in "iufbV"]
        largest = max(numbers, key=lambda each: each.size or 0, default=None)
        if largest is None or not is_stack(largest) or not largest.size:
            return None
        beside = [e for e in numbers if e.shape == largest.shape[:1] and e.dtype.kind in "iuf"]
        names = tuple(each.name.lstrip("/") for each in beside)
        return largest.name.lstrip("/"), sum(map(is_stack, numbers)) > 1, names


def _frames(file: Any, place: str, name: str) -> Any:
    found: list[Any] = []

    def look(_: str, each: Any) -> None:
        if is_stack(each):
            found.append(each)

    file.visititems(look)
    if place:
        data = file.get(place)
        if data is None:
            known = (each.name.lstrip("/") for each in found)
            raise SourceError(f"{name}: it has no dataset {place}; {suggest(place, known)}")
        if not is_stack(data):
            held = f"{data.shape} of {data.dtype}" if isinstance(data, h5py.Dataset) else "a group"
            raise SourceError(
                f"{name}: {place} is {held}: frames are a dataset of numbers of the shape (frames,"
                " rows, columns)"
            )
        return data
    if len(found) != 1:
        there = ", ".join(each.name for each in found) or "none"
        raise SourceError(
            f"{name}: one dataset must have the shape (frames, rows, columns), there is {there}:"
            " name it in [table] place"
        )
    return found[0]


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

"""Frames in a TIFF file, a page each."""

import logging
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Never

import numpy as np
from tifffile import TiffFile, memmap

from db.errors import SourceError
from readout.source.table.frames import Stack, native

DAMAGE = (ValueError, LookupError, OSError, struct.error, zlib.error)

# It logs what it passes over; what matters of that is found out here, and told once.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)


@contextmanager
def opened(path: Path) -> Iterator[Stack]:
    """The pages. Raises SourceError if they aren't all of the same two dimensions, or damaged."""
    with _told(path):
        file = TiffFile(path)
    with file:
        with _told(path):
            n_pages, first = len(file.pages), file.pages.first
            shape, kind = first.shape, first.dtype
            cut_off = _goes_on(file)
            behind = first.ndim == 2 and n_pages == 1 and file.series[0].size > first.size
        if cut_off:
            raise SourceError(f"{path}: damaged, or cut off: page {n_pages} isn't there")
        if len(shape) != 2 or kind is None or kind.kind not in "iufb":
            raise SourceError(
                f"{path}: its pages have the shape {shape} of {kind}: frames are pages of rows and"
                " columns, a number for each pixel"
            )

        def read(start: int, stop: int) -> Any:
            found = np.empty((stop - start, *shape), kind)
            for n in range(start, stop):
                with _told(path):
                    page: Any = file.pages[n]
                    pixels = page.asarray()
                if pixels.shape != shape or pixels.dtype != kind:
                    raise SourceError(
                        f"{path}: page {n} has the shape {pixels.shape} of {pixels.dtype}, the"
                        f" first one {shape} of {kind}"
                    )
                found[n - start] = pixels
            return native(found)

        def dataset(name: str) -> Never:
            raise SourceError(f"{path}: a TIFF file has frames only, and no {name}")

        if behind:  # ImageJ's large stacks have one page, and all frames behind it
            with _told(path):
                whole = memmap(path, mode="r").reshape(-1, *shape)
            yield Stack(whole.shape, 1, lambda a, b: native(np.array(whole[a:b])), dataset)
            return
        file.pages.useframes = False  # else pages are taken to be as the first one is
        yield Stack((n_pages, *shape), 1, read, dataset)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except DAMAGE as error:
        reason = str(error).split("\n")[0]
        raise SourceError(f"{path}: damaged, or cut off: {reason}") from error


def _goes_on(file: TiffFile) -> bool:
    """Whether the last page that was found names another one behind it."""
    form, raw = file.tiff, file.filehandle
    last: Any = file.pages[len(file.pages) - 1]
    raw.seek(last.offset)
    (n_tags,) = struct.unpack(form.tagnoformat, raw.read(form.tagnosize))
    raw.seek(n_tags * form.tagsize, 1)
    (following,) = struct.unpack(form.offsetformat, raw.read(form.offsetsize))
    return bool(following)

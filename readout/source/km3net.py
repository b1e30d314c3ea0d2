"""KM3NeT's online files (ROOT): raw time slices, and what the experiment's triggers took of them.

The layout is that of the classes JDAQTimeslice and JDAQEvent, as the file's own streamers and its
bytes show it; uproot doesn't know how to read their hits.
"""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import uproot
from numpy.typing import NDArray

from db.detector import Detector, encode
from db.errors import SourceError
from readout.source.block import Block

L1 = "KM3NET_TIMESLICE_L1"
FIELDS = frozenset({"pmt", "time", "tot", "module"})
"""What a declaration of KM3NeT's words must have."""

_FRAME = "vector<KM3NETDAQ::JDAQSuperFrame>."
# ROOT writes big-endian, and before each object 6 bytes of size and version; a hit, though, is
# copied as it lies in memory.
_HIT = np.dtype([("pmt", "u1"), ("time", "<u4"), ("tot", "u1")])
_OBJECT_HEADER = 6
_CYCLE_NS = 16
_DAMAGE = (
    ValueError,
    OSError,
    EOFError,
    LookupError,
    NotImplementedError,
    struct.error,
    zlib.error,
)


def read_slices(path: Path, detector: Detector, tree: str = L1) -> Iterator[Block]:
    """Every hit of the file's time slices: one block a slice, in order of their times, as link 0.

    The run starts with the earliest slice; each block's epoch is its slice's start in ns since
    then. The file's own order is that in which parallel filters were done: times go back in it.
    Raises SourceError if the file is damaged, isn't KM3NeT's, or has no such slices.
    """
    with _tree(path, tree) as slices:
        starts = _slice_starts(slices)
        for index in np.argsort(starts, kind="stable"):
            hits, modules = _slice(slices, int(index))
            fields = {name: hits[name] for name in ("pmt", "time", "tot")} | {"module": modules}
            yield Block(0, encode(detector, fields), int(starts[index] - starts.min()))


def start_utc_ns(path: Path, tree: str = L1) -> int:
    """When the run that ``read_slices`` delivers starts, in ns since 1970."""
    with _tree(path, tree) as slices:
        return int(_slice_starts(slices).min())


def slice_frame(path: Path, tree: str = "KM3NET_TIMESLICE_SN") -> pl.DataFrame:
    """The hits of the file's time slices: frame, utc_ns, module, pmt, tot; in the file's order.

    ``utc_ns`` is Int64, ns since 1970; ``frame`` is the experiment's number of the slice.
    """
    with _tree(path, tree) as slices:
        starts, frames = _slice_starts(slices), _column(slices, "frame_index")
        parts = []
        for index, (start, frame) in enumerate(zip(starts, frames, strict=True)):
            hits, modules = _slice(slices, index)
            parts.append(_hit_frame(hits, modules, int(start), int(frame)))
    return pl.concat(parts)


@contextmanager
def _tree(path: Path, name: str) -> Iterator[Any]:
    """A tree of the file; what is wrong with the bytes below it becomes a SourceError."""
    try:
        with uproot.open(path) as file:
            trees = file.keys(cycle=False, filter_name="KM3NET_*", recursive=False)
            if name not in trees:
                found = ", ".join(trees) or "none"
                raise SourceError(f"{path}: it has no tree {name}; KM3NeT's trees in it: {found}")
            if not file[name].num_entries:
                raise SourceError(f"{path}: its tree {name} is empty")
            yield file[name]
    except _DAMAGE as error:
        reason = str(error).strip().split("\n")[0]
        raise SourceError(f"{path}: not a ROOT file of KM3NeT, or damaged: {reason}") from error


def _column(slices: Any, name: str) -> NDArray[Any]:
    return np.asarray(slices[name].array(library="np"))


def _slice_starts(slices: Any) -> NDArray[np.int64]:
    seconds = _column(slices, "timeslice_start.UTC_seconds")
    return _utc_ns(seconds, _column(slices, "timeslice_start.UTC_16nanosecondcycles"))


def _utc_ns(seconds: NDArray[Any], cycles: NDArray[Any]) -> NDArray[np.int64]:
    whole = seconds.astype(np.int64) * 1_000_000_000
    return whole + cycles.astype(np.int64) * _CYCLE_NS


def _slice(slices: Any, index: int) -> tuple[NDArray[Any], NDArray[np.uint32]]:
    """The hits (fields pmt, time in ns since the slice's start, tot in ns) and their modules."""
    one = {"library": "np", "entry_start": index, "entry_stop": index + 1}
    raw = uproot.AsJagged(uproot.AsDtype(_HIT), header_bytes=_OBJECT_HEADER)
    hits = slices[_FRAME + "buffer"].array(raw, **one)[0]
    modules = slices[_FRAME + "id"].array(**one)[0]
    counts = slices[_FRAME + "numberOfHits"].array(**one)[0]
    if counts.sum() != len(hits):
        raise SourceError(
            f"{slices.file.file_path}: slice {index} of {slices.name} has {len(hits)} hits,"
            f" but its frames announce {counts.sum()}"
        )
    return hits, np.repeat(modules.astype(np.uint32), counts)


def _hit_frame(hits: NDArray[Any], modules: NDArray[Any], start: int, frame: int) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "frame": np.full(len(hits), frame, np.uint32),
            "utc_ns": hits["time"].astype(np.int64) + start,
            "module": modules.astype(np.uint32),
            "pmt": hits["pmt"].astype(np.uint8),
            "tot": hits["tot"].astype(np.uint8),
        }
    )

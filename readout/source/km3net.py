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

TREES = {
    **{level: f"KM3NET_TIMESLICE_{level}" for level in ("L0", "L1", "L2", "SN")},
    "events": "KM3NET_EVENT",
}
"""What people call the experiment's data streams, and the trees that hold them."""
L1 = "L1"

_FRAME = "vector<KM3NETDAQ::JDAQSuperFrame>"
_SECONDS, _CYCLES = "timeslice_start.UTC_seconds", "timeslice_start.UTC_16nanosecondcycles"
_BYTES = uproot.AsJagged(uproot.AsDtype("u1"), header_bytes=0)
# ROOT writes big-endian, and before each object 6 bytes of size and version; a hit, though, is
# copied as it lies in memory.
_OBJECT_HEADER = 6
_HIT = np.dtype([("pmt", "u1"), ("time", "<u4"), ("tot", "u1")])
_UTC = np.dtype([("object", "V6"), ("seconds", ">u4"), ("cycles", ">u4")])
_KEY_HIT = [("module", ">u4"), ("pmt", "u1"), ("time", "<u4"), ("tot", "u1")]
_SNAPSHOT_HIT = np.dtype(_KEY_HIT)
_TRIGGERED_HIT = np.dtype([*_KEY_HIT, ("object", "V6"), ("mask", ">u8")])
_EVENT_HEADER = np.dtype(
    [("objects", "V18"), ("detector", ">i4"), ("run", ">i4"), ("frame", ">u4"), ("utc", _UTC)]
)
# A vector of frames that is one object has one member of all of them after the other.
_WHOLE_FRAMES = 12
_MEMBERS = np.dtype(
    [
        *(("length", ">i4"), ("type", ">i4"), ("object", "V10"), ("header", "V12")),
        *(("utc", _UTC), ("module", ">u4"), ("status", "V20"), ("hits", ">u4")),
    ]
)
_SECONDS_BITS = 0x7FFFFFFF
"""The highest bit says whether the clock is locked."""
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


def read_slices(path: Path, detector: Detector, which: str = L1) -> Iterator[Block]:
    """Every hit of the file's time slices: one block a slice, in order of their times, as link 0.

    ``which`` is L0, L1, L2 or SN, ``events`` for the hits of the events that the experiment's
    triggers found, one block an event, or a tree's name. The run starts with the earliest slice;
    each block's epoch is its slice's start in ns since then. The file's own order is that in which
    parallel filters were done: times go back in it. Raises SourceError if the file is damaged,
    isn't KM3NeT's, or has no such slices.
    """
    with _tree(path, which) as slices:
        starts = _slice_starts(slices)
        for index in np.argsort(starts, kind="stable"):
            hits, modules = _hits(slices, int(index))
            if not len(hits):
                continue
            fields = {name: hits[name] for name in ("pmt", "time", "tot")} | {"module": modules}
            yield Block(0, encode(detector, fields), int(starts[index] - starts.min()))


def start_utc_ns(path: Path, which: str = L1) -> int:
    """When the run that ``read_slices`` delivers starts, in ns since 1970."""
    with _tree(path, which) as slices:
        return int(_slice_starts(slices).min())


def slice_frame(path: Path, which: str = "SN") -> pl.DataFrame:
    """The hits of the file's time slices: frame, utc_ns, module, pmt, tot; in the file's order.

    ``utc_ns`` is Int64, ns since 1970; ``frame`` is the experiment's number of the slice.
    """
    with _tree(path, which) as slices:
        starts, frames = _slice_starts(slices), _column(slices, "frame_index")
        parts = []
        for index, (start, frame) in enumerate(zip(starts, frames, strict=True)):
            hits, modules = _slice(slices, index)
            parts.append(_hit_frame(hits, modules, int(start), int(frame)))
    return pl.concat(parts)


def event_frame(path: Path) -> pl.DataFrame:
    """The hits that the experiment's triggers fired on, in the file's order.

    Columns frame, utc_ns, module, pmt, tot as in ``slice_frame``; ``mask``, a bit for each of the
    experiment's triggers; and ``event``, which counts from 0.
    """
    with _tree(path, "events") as events:
        headers = _headers(events)
        starts, parts = _slice_starts(events), []
        for index, start in enumerate(starts):
            hits = _vector(events, "triggeredHits", _TRIGGERED_HIT, index)
            rows = _hit_frame(hits, hits["module"], int(start), int(headers[index]["frame"]))
            mask = pl.Series("mask", hits["mask"].astype(np.uint64))
            parts.append(rows.with_columns(mask, event=pl.lit(index, pl.UInt32)))
    return pl.concat(parts)


@contextmanager
def _tree(path: Path, which: str) -> Iterator[Any]:
    """A tree of the file; what is wrong with the bytes below it becomes a SourceError."""
    name = TREES.get(which, which)
    try:
        with uproot.open(path) as file:
            trees = file.keys(cycle=False, filter_name="KM3NET_*", recursive=False)
            if name not in trees:
                found = ", ".join(trees) or "none"
                raise SourceError(f"{path}: it has no tree {name}; KM3NeT's trees in it: {found}")
            if not file[name].num_entries:
                called = {tree: short for short, tree in TREES.items()}
                full = [called[tree] for tree in trees if tree in called and file[tree].num_entries]
                hint = f"try --tree {' or '.join(full)}" if full else "so are all others"
                raise SourceError(f"{path}: its tree {name} is empty; {hint}")
            yield file[name]
    except _DAMAGE as error:
        reason = str(error).strip().split("\n")[0]
        raise SourceError(f"{path}: not a ROOT file of KM3NeT, or damaged: {reason}") from error


def _column(slices: Any, name: str) -> NDArray[Any]:
    return np.asarray(slices[name].array(library="np"))


def _raw(tree: Any, name: str, index: int) -> NDArray[np.uint8]:
    # The bytes of one entry of a branch.
    entry = {"library": "np", "entry_start": index, "entry_stop": index + 1}
    return np.asarray(tree[name].array(_BYTES, **entry)[0], np.uint8)


def _slice_starts(tree: Any) -> NDArray[np.int64]:
    names = {name.split("/")[-1] for name in tree.keys()}  # noqa: SIM118  (uproot has no others)
    if "triggeredHits" in names:
        utc = _headers(tree)["utc"]
    elif _SECONDS in names:
        return _utc_ns(_column(tree, _SECONDS), _column(tree, _CYCLES))
    elif "timeslice_start" in names:
        raw = [_raw(tree, "timeslice_start", k) for k in range(tree.num_entries)]
        utc = np.concatenate(raw).view(_UTC)
    else:  # the header as a whole; its beginning is that of an event's
        utc = _headers(tree, "KM3NETDAQ::JDAQTimesliceHeader")["utc"]
    return _utc_ns(utc["seconds"], utc["cycles"])


def _headers(tree: Any, name: str = "KM3NETDAQ::JDAQEventHeader") -> NDArray[Any]:
    each = [_raw(tree, name, k)[: _EVENT_HEADER.itemsize] for k in range(tree.num_entries)]
    return np.concatenate(each).view(_EVENT_HEADER)


def _utc_ns(seconds: NDArray[Any], cycles: NDArray[Any]) -> NDArray[np.int64]:
    whole = (seconds.astype(np.int64) & _SECONDS_BITS) * 1_000_000_000
    return whole + cycles.astype(np.int64) * _CYCLE_NS


def _hits(tree: Any, index: int) -> tuple[NDArray[Any], NDArray[np.uint32]]:
    """The hits of a slice or an event, and their modules."""
    if tree.name != TREES["events"]:
        return _slice(tree, index)
    hits = _vector(tree, "snapshotHits", _SNAPSHOT_HIT, index)
    return hits, hits["module"].astype(np.uint32)


def _vector(tree: Any, name: str, item: np.dtype[Any], index: int) -> NDArray[Any]:
    # A vector of objects: its header, how many there are, and these.
    raw = _raw(tree, name, index)
    n = int.from_bytes(raw[_OBJECT_HEADER : _OBJECT_HEADER + 4].tobytes(), "big")
    items = raw[_OBJECT_HEADER + 4 :]
    if n * item.itemsize != len(items):
        raise SourceError(
            f"{tree.file.file_path}: entry {index} of {name} in {tree.name} announces {n} hits and"
            f" has {len(items)} bytes for them"
        )
    return items.view(item)


def _slice(slices: Any, index: int) -> tuple[NDArray[Any], NDArray[np.uint32]]:
    """The hits (fields pmt, time in ns since the slice's start, tot in ns) and their modules."""
    names = {name.split("/")[-1] for name in slices.keys()}  # noqa: SIM118  (uproot has no others)
    if f"{_FRAME}.buffer" not in names:
        hits, modules, counts = _whole_frames(_raw(slices, _FRAME, index))
    else:
        one = {"library": "np", "entry_start": index, "entry_stop": index + 1}
        raw = uproot.AsJagged(uproot.AsDtype(_HIT), header_bytes=_OBJECT_HEADER)
        hits = slices[f"{_FRAME}.buffer"].array(raw, **one)[0]
        modules = slices[f"{_FRAME}.id"].array(**one)[0]
        counts = slices[f"{_FRAME}.numberOfHits"].array(**one)[0]
    if counts.sum() != len(hits):
        raise SourceError(
            f"{slices.file.file_path}: slice {index} of {slices.name} has {len(hits)} hits,"
            f" but its frames announce {counts.sum()}"
        )
    return hits, np.repeat(modules.astype(np.uint32), counts)


def _whole_frames(raw: NDArray[np.uint8]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    # Hits, and modules and counts of frames, of a vector that is one object.
    n = int.from_bytes(raw[_WHOLE_FRAMES - 4 : _WHOLE_FRAMES].tobytes(), "big")
    place, members = _WHOLE_FRAMES, {}
    for name in _MEMBERS.names or ():
        kind = _MEMBERS[name]
        members[name] = raw[place : place + n * kind.itemsize].view(kind)
        place += n * kind.itemsize
    hits = raw[place + _OBJECT_HEADER :] if n else raw[:0]
    return hits[: len(hits) // 6 * 6].view(_HIT), members["module"], members["hits"]


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

"""KM3NeT's data as its processes send them to each other (IO_TSL*.dat, IO_EVT*.dat).

Records follow each other: a preamble, a header, then for slices a frame of each module with its
hits, for events the hits that triggers fired on and those of a while around them. All numbers are
little-endian but a hit's time. Records of before 2018 have no version.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from db.detector import Detector, encode
from db.errors import SourceError
from readout.source.block import Block

KINDS = {1001: "slices", 1002: "L0", 1003: "L1", 1004: "L2", 1005: "SN", 10001: "events"}
"""Types of records, and what people call these streams; 1001 is any, of before 2018."""
FIELDS = frozenset({"pmt", "time", "tot", "module"})
"""What a declaration of KM3NeT's words must have."""

_HIT = np.dtype([("pmt", "u1"), ("time", ">u4"), ("tot", "u1")])
_KEY_HIT = np.dtype([("module", "<u4"), *((name, _HIT[name]) for name in _HIT.names or ())])
_TRIGGERED_BYTES = _KEY_HIT.itemsize + 8
_PREAMBLE, _VERSION = 8, 2
_HEADER = np.dtype(
    [("detector", "<i4"), ("run", "<i4"), ("frame", "<u4"), ("seconds", "<u4"), ("cycles", "<u4")]
)
_FRAME = np.dtype(
    [
        *(("length", "<u4"), ("type", "<u4"), ("header", _HEADER), ("module", "<u4")),
        *(("status", "V20"), ("hits", "<u4")),
    ]
)
_EVENT_HEADER_BYTES = 8 + 8 + 4
"""Of an event, behind the header: its number, its triggers, how many events were merged."""
_CYCLE_NS = 16
_SECONDS_BITS = 0x7FFFFFFF


@dataclass(frozen=True)
class Record:
    """A slice or an event in a file: from which byte to which, what it is, and when it began."""

    first: int
    stop: int
    kind: str
    header: int
    """Where its header begins."""
    utc_ns: int
    """ns since 1970"""


def looks_like_wire(start: bytes) -> bool:
    """Whether a file that begins so holds such records."""
    return len(start) >= _PREAMBLE and _u4(start, 4) in KINDS and _header_of(start, 0) is not None


def records(path: Path, which: str | None = None) -> list[Record]:
    """The records of one stream in the file, earliest first.

    Raises SourceError if the file is none of these, has several streams and ``which`` names none,
    or lacks that which it names.
    """
    with path.open("rb") as file:
        try:
            data = mmap(file.fileno(), 0, access=ACCESS_READ)
        except ValueError:
            raise SourceError(f"{path}: empty, there is not a single record in it") from None
        with data:
            found = list(_walk(data, path))
    kinds = list(dict.fromkeys(each.kind for each in found))
    if which is None and len(kinds) > 1:
        raise SourceError(f"{path}: it has {', '.join(kinds)}: name one with --tree")
    wanted = [each for each in found if each.kind == (which or kinds[0])]
    if not wanted:
        raise SourceError(f"{path}: it has no {which}; it has {', '.join(kinds)}: give --tree")
    return sorted(wanted, key=lambda each: each.utc_ns)


def read_wire(path: Path, detector: Detector, found: Sequence[Record]) -> Iterator[Block]:
    """Every hit of these records, which come in order of their times: one block each, as link 0.

    Each block's epoch is its record's start in ns since that of the first one.
    """
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        for each in found:
            body = np.frombuffer(data[each.header + _HEADER.itemsize : each.stop], np.uint8)
            hits, modules = _event(body) if each.kind == "events" else _slice(body)
            if len(hits):
                fields = {name: hits[name].astype(np.uint32) for name in _HIT.names or ()}
                words = encode(detector, fields | {"module": modules})
                yield Block(0, words, each.utc_ns - found[0].utc_ns)


def _walk(data: Any, path: Path) -> Iterator[Record]:
    first = 0
    while first < len(data):
        length = _u4(data, first) if len(data) - first >= _PREAMBLE else 0
        header = _header_of(data, first) if first + length <= len(data) else None
        if not length or header is None:
            raise SourceError(
                f"{path}: at byte {first} begins no slice and no event of KM3NeT: is the file cut"
                " off, or of another kind?"
            )
        head = np.frombuffer(data[header : header + _HEADER.itemsize], _HEADER)[0]
        utc_ns = (int(head["seconds"]) & _SECONDS_BITS) * 10**9 + int(head["cycles"]) * _CYCLE_NS
        yield Record(first, first + length, KINDS[_u4(data, first + 4)], header, utc_ns)
        first += length


def _header_of(data: Any, first: int) -> int | None:
    # Where the header of a record begins: what follows must fill the record, as far as it is there.
    kind, stop = _u4(data, first + 4), first + _u4(data, first)
    if kind not in KINDS:
        return None
    for header in (first + _PREAMBLE, first + _PREAMBLE + _VERSION):
        body = np.frombuffer(data[header + _HEADER.itemsize : stop], np.uint8)
        whole = header + _HEADER.itemsize + len(body) == stop
        filled = _filled_by_event(body, whole) if kind == 10001 else _filled_by_frames(body, whole)
        if filled:
            return header
    return None


def _filled_by_frames(body: NDArray[np.uint8], whole: bool) -> bool:
    place = 4
    for _ in range(_u4(body, 0) if len(body) >= 4 else 0):
        frame = body[place : place + _FRAME.itemsize]
        if len(frame) < _FRAME.itemsize:
            return not whole and place > 4
        one = frame.view(_FRAME)[0]
        if int(one["length"]) != _FRAME.itemsize + _HIT.itemsize * int(one["hits"]):
            return False
        place += int(one["length"])
    return place == len(body) if whole else place > 4


def _filled_by_event(body: NDArray[np.uint8], whole: bool) -> bool:
    triggered, snapshot = _event_places(body)
    if not whole:  # its beginning tells little: believe it where there are some hits
        return 0 < triggered < 1_000_000
    return snapshot + 4 <= len(body) == snapshot + 4 + _KEY_HIT.itemsize * _u4(body, snapshot)


def _event_places(body: NDArray[np.uint8]) -> tuple[int, int]:
    # How many hits triggers fired on, and where it says how many others there are.
    if len(body) < _EVENT_HEADER_BYTES + 4:
        return 0, len(body)
    triggered = _u4(body, _EVENT_HEADER_BYTES)
    return triggered, _EVENT_HEADER_BYTES + 4 + _TRIGGERED_BYTES * triggered


def _slice(body: NDArray[np.uint8]) -> tuple[NDArray[Any], NDArray[np.uint32]]:
    place, hits, modules, counts = 4, [np.empty(0, _HIT)], list[int](), list[int]()
    for _ in range(_u4(body, 0)):
        frame = body[place : place + _FRAME.itemsize].view(_FRAME)[0]
        stop = place + int(frame["length"])
        hits.append(body[place + _FRAME.itemsize : stop].view(_HIT))
        modules.append(int(frame["module"]))
        counts.append(int(frame["hits"]))
        place = stop
    return np.concatenate(hits), np.repeat(np.array(modules, np.uint32), counts)


def _event(body: NDArray[np.uint8]) -> tuple[NDArray[Any], NDArray[np.uint32]]:
    hits = body[_event_places(body)[1] + 4 :].view(_KEY_HIT)
    return hits, hits["module"].astype(np.uint32)


def _u4(data: Any, place: int) -> int:
    return int.from_bytes(bytes(data[place : place + 4]), "little")

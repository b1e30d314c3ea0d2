"""One batch as a file.

All numbers are little-endian. A file begins with 24 bytes: the magic ``EHSPOOL\\n``, the version of
this format (u32), the number of frames (u32), CRC32 of these two (u64). Then come the frames: kind
(u32), CRC32 (u32) of kind, length and body, length (u64), body. The first frame is the head, as
JSON: the run's number and start, recorded_at, the parts' home shards and chunks without their
words, for each link its mark and, with a board, where its counters stood. The others are the
parts, each an Arrow stream (see ``part_bytes``).

What happens to a part is noted behind the frames, in records of 24 bytes that are frames too: kind
"tried" (its body: number of the part, number of the shard, u32 each) is there before a part is
first sent to a shard, kind "stored" after the shard has said that it has it.
"""

import json
import os
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from struct import Struct

import numpy as np

from db.errors import StoreError
from db.words.chunk import Chunk
from readout.spool.part_bytes import bytes_part, part_bytes
from readout.writer.batch import Batch, Counted, Mark, Part

MAGIC, VERSION = b"EHSPOOL\n", 2
HEAD, PART, TRIED, STORED = 1, 2, 3, 4
_BEGIN, _FRAME, _PAIR = Struct("<8sIIQ"), Struct("<IIQ"), Struct("<II")
_NEVER = datetime.min.replace(tzinfo=UTC)
_NUMBERS = [each.name for each in fields(Chunk) if each.name not in ("words", "places")]
_NO_WORDS = np.empty(0, np.uint64)
RECORD_BYTES = _FRAME.size + _PAIR.size


@dataclass
class BatchFile:
    """What is known of a file without holding its words."""

    path: Path
    n_bytes: int
    run_id: int = 0
    run_started: datetime = _NEVER
    recorded_at: datetime = _NEVER
    marks: dict[int, Mark] = field(default_factory=dict)
    counted: Counted | None = None
    homes: list[int] = field(default_factory=list)
    outlines: list[list[Chunk]] = field(default_factory=list)
    """Each part's chunks without their words: what is known of a part that is damaged."""
    places: list[tuple[int, int]] = field(default_factory=list)
    """Where each part's body lies: offset and length."""
    tried: dict[int, int] = field(default_factory=dict)
    """The shard that each part was last sent to."""
    stored: set[int] = field(default_factory=set)
    damage: str = ""
    """What is wrong with the file; empty if nothing is. If something is, notes may be missing."""
    damaged: set[int] = field(default_factory=set)
    """Parts that can't be read."""

    @property
    def lost(self) -> list[int]:
        """The parts that are not known to be stored and can't be read."""
        unread = self.damaged | set(range(len(self.places), len(self.homes)))
        return sorted(unread - self.stored)

    @property
    def waiting(self) -> list[int]:
        """The parts that can be read and are not known to be stored."""
        return [i for i in range(len(self.places)) if i not in self.stored | self.damaged]

    def part(self, index: int) -> Part:
        """One of the parts, read from the file; raises StoreError if it is damaged by now."""
        start, length = self.places[index]
        with self.path.open("rb") as file:
            kind, crc, _ = _FRAME.unpack(os.pread(file.fileno(), _FRAME.size, start - _FRAME.size))
            body = os.pread(file.fileno(), length, start)
        if (kind, crc) != (PART, _crc(PART, body)):
            raise StoreError(f"{self.path}: part {index} was damaged after it was written")
        return bytes_part(memoryview(body))


def write_file(path: Path, batch: Batch) -> BatchFile:
    """Write the batch and wait until it is on the disk; its name isn't, that is the caller's."""
    head = {
        "run_id": batch.run_id,
        "run_started": batch.run_started.isoformat(),
        "recorded_at": batch.recorded_at.isoformat(),
        "chunks": [[_outline(chunk) for chunk in part.chunks] for part in batch.parts],
        "homes": [part.home for part in batch.parts],
        "marks": {link: asdict(mark) for link, mark in batch.marks.items()},
        "counted": batch.counted and asdict(batch.counted),
    }
    bodies: list[bytes | memoryview] = [json.dumps(head).encode(), *map(part_bytes, batch.parts)]
    kinds = [HEAD, *[PART] * len(batch.parts)]
    pieces: list[bytes | memoryview] = [_begin(len(bodies))]
    places, position = [], _BEGIN.size
    for kind, body in zip(kinds, bodies, strict=True):
        pieces += [_frame(kind, body), body]
        places.append((position + _FRAME.size, len(body)))
        position += _FRAME.size + len(body)
    with path.open("wb", buffering=0) as file:
        for piece in pieces:
            _write_all(file.fileno(), piece)
        os.fdatasync(file.fileno())
    return BatchFile(
        path,
        position,
        batch.run_id,
        batch.run_started,
        batch.recorded_at,
        dict(batch.marks),
        batch.counted,
        [part.home for part in batch.parts],
        places=places[1:],
    )


def note(file: BatchFile, kind: int, index: int, shard: int, *, sync: bool) -> None:
    """Note what happened to a part; with ``sync`` it is on the disk when this returns."""
    body = _PAIR.pack(index, shard)
    with file.path.open("r+b", buffering=0) as out:
        # Over what an earlier attempt may have left half-written.
        out.seek(file.n_bytes)
        _write_all(out.fileno(), _frame(kind, body) + body)
        if sync:
            os.fdatasync(out.fileno())
    file.n_bytes += RECORD_BYTES
    _take_record(file, kind, index, shard)


def read_file(path: Path) -> BatchFile:
    """What the file holds, whatever state it is in; a torn record at its end is cut off.

    Raises StoreError for a file of a newer format.
    """
    data = path.read_bytes()
    file = BatchFile(path, len(data))
    if len(data) < _BEGIN.size or not data.startswith(MAGIC):
        file.damage = "it doesn't begin as a file of the spool"
        return file
    _, version, n_frames, crc = _BEGIN.unpack_from(data)
    if crc != zlib.crc32(_PAIR.pack(version, n_frames)):
        file.damage = "its beginning is damaged"
        return file
    if version > VERSION:
        raise StoreError(
            f"{path} is of format {version}, this everyhit knows {VERSION}: let the newer one empty"
            " the spool, or name another folder"
        )
    end = _read_frames(file, data, n_frames)
    _read_notes(file, data, end)
    return file


def _read_frames(file: BatchFile, data: bytes, n_frames: int) -> int:
    """Fill in head and parts; the position behind them."""
    end = _BEGIN.size
    for index, (start, length, sound) in enumerate(_frames(data, end, n_frames)):
        end = start + length
        if index == 0:
            if not sound:
                file.damage = "its head is damaged"
                return end
            _read_head(file, data[start:end])
            continue
        file.places.append((start, length))
        if not sound:
            file.damaged.add(index - 1)
    missing = n_frames - 1 - len(file.places)
    if file.damaged or missing:
        file.damage = f"{len(file.damaged) + missing} of its {n_frames - 1} parts are damaged"
    return end


def _read_head(file: BatchFile, body: bytes) -> None:
    head = json.loads(body)
    file.run_id = head["run_id"]
    file.run_started = datetime.fromisoformat(head["run_started"])
    file.recorded_at = datetime.fromisoformat(head["recorded_at"])
    file.homes = head["homes"]
    file.outlines = [[Chunk(**row, words=_NO_WORDS) for row in rows] for rows in head["chunks"]]
    file.marks = {int(link): Mark(**mark) for link, mark in head["marks"].items()}
    if counted := head.get("counted"):
        at = {int(address): n for address, n in counted["at"].items()}
        file.counted = Counted(at, counted["judged"])


def _read_notes(file: BatchFile, data: bytes, end: int) -> None:
    """Take in the notes behind the parts, and cut off what a power cut left half-written there."""
    if file.damage:  # where the parts end is not sure, but that notes stand at the end is
        sound = len(data)
        while sound - RECORD_BYTES >= _BEGIN.size and _is_record(data, sound - RECORD_BYTES):
            sound -= RECORD_BYTES
        end = max(end, sound)
    starts = range(end, len(data) - RECORD_BYTES + 1, RECORD_BYTES)
    good = [start for start in starts if _is_record(data, start)]
    for start in good:
        kind = _FRAME.unpack_from(data, start)[0]
        _take_record(file, kind, *_PAIR.unpack_from(data, start + _FRAME.size))
    whole = good[-1] + RECORD_BYTES if good else end
    if len(good) < len(range(end, whole, RECORD_BYTES)):
        file.damage = file.damage or "the notes behind its parts are damaged"
    if whole < len(data) and not file.damage:
        os.truncate(file.path, whole)
        file.n_bytes = whole


def _is_record(data: bytes, start: int) -> bool:
    found = next(_frames(data, start, 1), None)
    return found is not None and found[1:] == (_PAIR.size, True)


def _take_record(file: BatchFile, kind: int, index: int, shard: int) -> None:
    if kind == TRIED:
        file.tried[index] = shard
    else:
        file.stored.add(index)


def _frames(data: bytes, at: int, count: int) -> Iterator[tuple[int, int, bool]]:
    """Offset and length of each frame's body, and whether it is sound, as far as they reach."""
    for _ in range(count):
        if at + _FRAME.size > len(data):
            return
        kind, crc, length = _FRAME.unpack_from(data, at)
        start = at + _FRAME.size
        if start + length > len(data):
            return
        yield start, length, crc == _crc(kind, memoryview(data)[start : start + length])
        at = start + length


def _outline(chunk: Chunk) -> dict[str, int]:
    return {name: getattr(chunk, name) for name in _NUMBERS}


def _begin(n_frames: int) -> bytes:
    return _BEGIN.pack(MAGIC, VERSION, n_frames, zlib.crc32(_PAIR.pack(VERSION, n_frames)))


def _frame(kind: int, body: bytes | memoryview) -> bytes:
    return _FRAME.pack(kind, _crc(kind, body), len(body))


def _crc(kind: int, body: bytes | memoryview) -> int:
    return zlib.crc32(body, zlib.crc32(_FRAME.pack(kind, 0, len(body))))


def _write_all(descriptor: int, data: bytes | memoryview) -> None:
    rest = memoryview(data).cast("B")
    while len(rest):
        rest = rest[os.write(descriptor, rest) :]

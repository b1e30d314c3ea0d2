"""What is not yet stored, on disk: a bounded folder of batches.

A batch is one file (see ``batch_file``), written beside its name and renamed: it is there as a
whole or not at all. ``append`` returns when the file's bytes and its name are on the disk (fsync of
both), so that neither kill -9 nor a power cut takes back what it promised; what it had not yet
promised is removed when the spool is opened again. Files are numbered in order. A file goes when
all its parts are stored, except the newest, which keeps the marks of the links until another
follows. A file that is damaged is reported, what can be read of it is used, and it is kept aside.
"""

import errno
import fcntl
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Self

import structlog

from db.errors import StoreError
from readout.spool.batch_file import (
    STORED,
    TRIED,
    BatchFile,
    note,
    read_file,
    write_file,
)
from readout.spool.folder import sync_folder
from readout.writer.batch import Batch, Counted, Mark, Part

_log = structlog.get_logger()

BLOCK_BYTES = 4096
"""What the least file takes on a disk."""
RESERVE_BYTES = 64 << 20
"""What is left of a disk for words that were taken before it was full, and for the store on it."""


class NoRoomError(StoreError):
    """The disk of the spool is full: make room on it, and it goes on."""


@dataclass(frozen=True)
class Waiting:
    """A part that was found waiting when the spool was opened."""

    number: int
    index: int
    home: int
    tried: int | None
    """The shard that may have it."""
    sure: bool
    """False if the file is damaged: any shard may have it."""


class Spool:
    """Opens the folder, or makes it; one process at a time. Raises StoreError if it can't.

    Methods may be called from any thread.
    """

    def __init__(self, folder: Path, most_bytes: int = 4 << 30) -> None:
        self.folder, self.most_bytes = folder, most_bytes
        self._lock = Lock()
        self._files: dict[int, BatchFile] = {}
        self._held: dict[int, tuple[int, float]] = {}
        self._n_bytes, self._next = 0, 0
        self.damage: list[str] = []
        """What was found damaged, a line each."""
        try:
            folder.mkdir(0o700, parents=True, exist_ok=True)
            self._owner = (folder / "lock").open("a")
        except OSError as fault:
            raise StoreError(f"can't make a spool in {folder}: {fault.strerror}") from None
        try:
            fcntl.flock(self._owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._recover()
        except BlockingIOError:
            self._owner.close()
            raise StoreError(
                f"the spool {folder} is in use by another process; stop it, or name another folder"
            ) from None
        except StoreError:
            self._owner.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let another process have the folder."""
        self._owner.close()

    @property
    def n_bytes(self) -> int:
        """What the waiting batches take on disk."""
        return self._n_bytes

    @property
    def n_waiting(self) -> int:
        """Batches of which a part waits."""
        return len(self._held)

    @property
    def oldest_s(self) -> float:
        """Seconds since the oldest waiting batch was written; 0 if none waits."""
        with self._lock:
            since = next(iter(self._held.values()), None)
        return max(0.0, time.time() - since[1]) if since else 0.0

    @property
    def newest(self) -> BatchFile | None:
        """The last batch: its run, and where the links stood after it; None if none ever came."""
        with self._lock:
            return self._files.get(self._next - 1)

    def marks(self, run_id: int) -> Mapping[int, Mark]:
        """Where the links of a run stood at the last cut; empty if the last was another run's."""
        newest = self.newest
        return newest.marks if newest and newest.run_id == run_id else {}

    def counted(self, run_id: int) -> Counted | None:
        """Where a board's counters stood at the last cut; None if that was another run's."""
        newest = self.newest
        return newest.counted if newest and newest.run_id == run_id else None

    @property
    def runs(self) -> set[tuple[int, datetime]]:
        """Number and start of the runs of which something is here."""
        with self._lock:
            files = [file for file in self._files.values() if file.homes]
        return {(file.run_id, file.run_started) for file in files}

    def waiting(self) -> Iterator[Waiting]:
        """All parts that wait, in order."""
        with self._lock:
            files = sorted(self._files.items())
        for number, file in files:
            for index in file.waiting:
                tried = file.tried.get(index)
                yield Waiting(number, index, file.homes[index], tried, not file.damage)

    @property
    def low(self) -> bool:
        """Whether its disk has so little left that only what is under way should still come."""
        try:
            disk = os.statvfs(self.folder)
        except OSError:  # whoever writes there says what is wrong
            return False
        return disk.f_bavail * disk.f_frsize < RESERVE_BYTES

    def has_room(self, n_words: int) -> bool:
        """Whether so many words more keep it within its bound; an empty spool takes anything."""
        return not self._held or self._n_bytes + 8 * n_words + BLOCK_BYTES <= self.most_bytes

    def lost(self) -> list[tuple[int, BatchFile]]:
        """Batches of which parts were found damaged; ``forget`` when that is booked."""
        with self._lock:
            return [(number, file) for number, file in self._files.items() if file.lost]

    def forget(self, number: int) -> None:
        """Count the damaged parts of a batch as settled."""
        with self._lock:
            for index in self._files[number].lost:
                self._note(number, STORED, index, 0, sync=True)
            if not self._files[number].waiting and number < self._next - 1:
                self._remove(number)

    def append(self, batch: Batch) -> int:
        """Keep the batch; returns its number when it is safe. Raises StoreError if it can't be."""
        number = self._next
        target = self.folder / f"{number:012d}.batch"
        scratch = target.with_suffix(".new")
        try:
            file = write_file(scratch, batch)
            scratch.rename(target)
            sync_folder(self.folder)
        except OSError as fault:
            with suppress(OSError):  # half a batch takes room
                scratch.unlink()
            kind = NoRoomError if fault.errno in (errno.ENOSPC, errno.EDQUOT) else StoreError
            raise kind(f"the spool {self.folder} takes no more: {fault.strerror}") from None
        file.path = target
        with self._lock:
            self._keep(number, file)
            self._next = number + 1
            before = self._files.get(number - 1)
            if before and not before.waiting and not before.lost:
                self._remove(number - 1)
        return number

    def part(self, number: int, index: int) -> Part:
        """A part of a waiting batch; raises StoreError if it can't be read."""
        try:
            return self._files[number].part(index)
        except (OSError, ValueError) as fault:
            raise StoreError(f"{self._files[number].path}: part {index}: {fault}") from None

    def batch_of(self, number: int) -> BatchFile:
        """The batch's head: run, time of recording, marks."""
        return self._files[number]

    def note_tried(self, number: int, index: int, shard: int, *, sync: bool = True) -> None:
        """Note, before a part goes to a shard for the first time, that it may be there.

        Without ``sync`` a power cut may forget it.
        """
        with self._lock:
            self._note(number, TRIED, index, shard, sync=sync)

    def note_stored(self, number: int, index: int) -> None:
        """Note that a part is stored; the file goes with its last part."""
        with self._lock:
            file = self._files[number]
            last, newest = file.waiting == [index], number == self._next - 1
            if last and not newest and not file.lost:
                self._remove(number)
            else:
                self._note(number, STORED, index, 0, sync=last)
            if last:
                self._n_bytes -= self._held.pop(number)[0]

    def give_up(self, number: int, index: int, why: str) -> None:
        """Set aside a part that was found damaged while it waited; the next opening books it."""
        with self._lock:
            file = self._files[number]
            file.damage = why
            file.damaged.add(index)
            self._set_aside(file)
            if not file.waiting:
                self._n_bytes -= self._held.pop(number)[0]

    def _keep(self, number: int, file: BatchFile) -> None:
        self._files[number] = file
        if file.waiting:
            size = max(file.n_bytes, BLOCK_BYTES)
            self._held[number] = (size, file.path.stat().st_mtime)
            self._n_bytes += size

    def _note(self, number: int, kind: int, index: int, shard: int, *, sync: bool) -> None:
        try:
            note(self._files[number], kind, index, shard, sync=sync)
        except OSError as fault:
            raise StoreError(f"the spool {self.folder} can't note: {fault.strerror}") from None

    def _remove(self, number: int) -> None:
        self._files.pop(number).path.unlink()

    def _recover(self) -> None:
        for torn in self.folder.glob("*.new"):
            _log.warning("a batch was cut off while it was written", file=torn.name)
            torn.unlink()
        paths = sorted(self.folder.glob("*.batch"))
        self._next = int(paths[-1].stem) + 1 if paths else 0
        for path in paths:
            file = read_file(path)
            if file.damage:
                self._set_aside(file)
            if file.waiting or file.lost or path == paths[-1]:
                self._keep(int(path.stem), file)
            else:
                path.unlink()

    def _set_aside(self, file: BatchFile) -> None:
        aside = file.path.with_suffix(".damaged")
        with suppress(FileExistsError):
            os.link(file.path, aside)
        line = f"{file.path}: {file.damage}; it is kept as {aside.name}"
        self.damage.append(line)
        _log.error("the spool is damaged", what=line)

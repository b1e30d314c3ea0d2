"""A table's rows as hit words, whatever kind of file holds it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BufferedReader, FileIO
from itertools import chain
from pathlib import Path

import pyarrow as pa

from db.detector import Detector
from db.detector.table import Table
from db.errors import SourceError
from readout.source.block import Block
from readout.source.plausible import doubt
from readout.source.table.compressed import DAMAGE, decompressed
from readout.source.table.rows import Rows, Tally, blocks_of
from readout.source.table.text import PIECE_BYTES, read_lines

PIECE_ROWS = 1 << 18
_LOOK_BYTES, _LOOK_ROWS = 1 << 16, 1 << 11
_MARKS = {b"PAR1": "Parquet", b"ARROW1": "Arrow", b"\xff\xff\xff\xff": "Arrow", b"\x89HDF": "HDF5"}
_MARKS |= dict.fromkeys([b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"], "TIFF")


@dataclass(frozen=True, eq=False)
class TableSource:
    """A table: its blocks, what became of its rows while they are read, and when they begin."""

    blocks: Iterator[Block]
    tally: Tally
    started_ns: int | None


def open_table(path: Path, detector: Detector, link: int, *, force: bool) -> TableSource:
    """The table in a file. A look at its first rows tells whether it can be this detector's.

    Raises SourceError at once if the file can't be a table of this detector, and while reading for
    what is wrong further on. ``force`` takes times that go back or leap too far.
    """
    kind = kind_of(path)
    look = _Reading(path, kind, detector, link)
    first = next(look.blocks(_LOOK_BYTES, _LOOK_ROWS), None)
    _judge(first, str(path), detector, look.tally, force=force)
    reading = _Reading(path, kind, detector, link)
    blocks = reading.blocks(PIECE_BYTES, PIECE_ROWS)
    return TableSource(blocks, reading.tally, _started_ns(first, detector))


def table_from_pipe(
    stream: FileIO, name: str, detector: Detector, link: int, *, force: bool
) -> TableSource:
    """The table in a pipe: text, also compressed. Waits for its first piece; raises the same."""
    table, tally = _table(detector), Tally()
    plain = decompressed(BufferedReader(stream))
    pieces = _undamaged(read_lines(plain, table, name, _LOOK_BYTES), name)
    blocks = blocks_of(pieces, detector, name, link, tally)
    first = next(blocks, None)
    _judge(first, name, detector, tally, force=force)
    begun = [] if first is None else [first]
    return TableSource(chain(begun, blocks), tally, _started_ns(first, detector))


@dataclass(frozen=True, eq=False)
class _Reading:
    path: Path
    kind: str
    detector: Detector
    link: int
    tally: Tally = field(default_factory=Tally)

    def blocks(self, piece_bytes: int, piece_rows: int) -> Iterator[Block]:
        pieces = _undamaged(self._pieces(piece_bytes, piece_rows), str(self.path))
        yield from blocks_of(pieces, self.detector, str(self.path), self.link, self.tally)

    def _pieces(self, piece_bytes: int, piece_rows: int) -> Iterator[Rows]:
        table = _table(self.detector)
        if table.threshold is not None or self.kind == "TIFF":
            try:
                from readout.source.table.frames import read_frames

                yield from read_frames(self.path, self.kind, table, piece_rows)
            except ModuleNotFoundError as error:
                raise SourceError(
                    f"{self.path}: frames need {error.name}: pip install 'everyhit[frames]'"
                ) from None
        elif self.kind == "text":
            with self.path.open("rb") as stream:
                plain = decompressed(stream)
                yield from read_lines(plain, table, str(self.path), piece_bytes)
        elif self.kind == "ROOT":
            from readout.source.table.root import read_root  # uproot takes a second

            yield from read_root(self.path, table, piece_rows)
        elif self.kind == "CoMPASS":
            from readout.source.table.compass import read_compass  # it compiles functions

            yield from read_compass(self.path, table)
        elif self.kind == "HDF5":
            try:
                from readout.source.table.hdf5 import read_hdf5
            except ModuleNotFoundError as error:
                raise SourceError(
                    f"{self.path}: HDF5 needs {error.name}: pip install 'everyhit[export]'"
                ) from None
            yield from read_hdf5(self.path, table, piece_rows)
        else:
            from readout.source.table.columnar import read_arrow, read_parquet

            if self.kind == "Parquet":
                yield from read_parquet(self.path, table, piece_rows)
            else:
                yield from read_arrow(self.path, table)


def kind_of(path: Path) -> str:
    """Parquet, Arrow, HDF5, TIFF, ROOT, CoMPASS, or text, by the file's first bytes."""
    with path.open("rb") as stream:
        start = stream.read(8)
    if not start:
        raise SourceError(f"{path}: empty, there is not a single row in it")
    if start.startswith(b"root"):
        return "ROOT"
    if len(start) >= 2 and start[1] == 0xCA and start[0] >> 4 == 0xE:
        return "CoMPASS"
    return next((kind for mark, kind in _MARKS.items() if start.startswith(mark)), "text")


def _undamaged(pieces: Iterator[Rows], name: str) -> Iterator[Rows]:
    """The same pieces; what a reader says of damaged bytes becomes a SourceError."""
    try:
        yield from pieces
    except (*DAMAGE, pa.ArrowException, KeyError) as error:
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise SourceError(f"{name}: damaged, or cut off: {reason}") from error


def _judge(
    first: Block | None, name: str, detector: Detector, tally: Tally, *, force: bool
) -> None:
    if first is None:
        why = f"; {tally.bad[0]}" if tally.bad else ""
        raise SourceError(f"{name}: none of its first rows is a hit of {detector.name}{why}")
    few = None if force else doubt(first.words, detector)
    if few is not None and few.sure:
        raise SourceError(f"{name}: {few.reason}; if it is right, give --force to take it as it is")


def _started_ns(first: Block | None, detector: Detector) -> int | None:
    since = _table(detector).since
    if since is None or first is None:
        return None
    from readout.link.unwrap import run_start  # it compiles functions

    seconds = int(since.timestamp())
    ticks = run_start(detector, first.words)
    return seconds * 10**9 + since.microsecond * 1000 + round(ticks * detector.tick)


def _table(detector: Detector) -> Table:
    if detector.table is None:
        raise SourceError(f"{detector.name} declares no [table]: its words are in no table")
    return detector.table

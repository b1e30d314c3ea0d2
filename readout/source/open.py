"""A source for a path: what the user says it is, or what its times say."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from io import BufferedReader, FileIO
from itertools import chain
from pathlib import Path
from stat import S_ISREG
from typing import cast

import numpy as np

from db.detector import Detector
from db.detector.words import Words
from db.errors import SourceError, UsageError
from readout.source.binary import BLOCK_BYTES, read_words
from readout.source.block import Block
from readout.source.foreign import foreign
from readout.source.format import Format
from readout.source.km3net_wire import FIELDS, looks_like_wire, read_wire, records
from readout.source.peek import Peeked, peek
from readout.source.plausible import ENOUGH_HITS, Doubt, doubt, enough_hits, judged, looks_like
from readout.source.table.open import TableSource, open_table, table_from_pipe
from readout.source.table.rows import Tally
from readout.source.text import has_header, read_text
from readout.source.tpx3 import FIELDS as CHIP_FIELDS
from readout.source.tpx3 import MAGIC, by_chip

_FIRST_ROWS_BYTES = 1 << 16


@dataclass(frozen=True, eq=False)
class Source:
    """Recorded words."""

    blocks: Iterator[Block]
    started_ns: int | None = None
    """When the run began, in ns since 1970, if the file tells it."""
    rows: Tally | None = None
    """What became of a table's rows, while they are read."""


def open_source(
    path: str | Path,
    detector: Detector,
    link: int = 0,
    force: bool = False,
    block_bytes: int = BLOCK_BYTES,
    form: Format | None = None,
    tree: str | None = None,
    first: int | None = None,
) -> Source:
    """The words at ``path``: a file, a pipe, or ``-`` for standard input.

    A detector that declares a table has tables only. Else ``form`` says what it holds: raw words,
    a text dump (also gzipped), or KM3NeT's ROOT trees or records, of which ``tree`` names one. If
    nothing is said, a file is a dump if its header is the declaration's, KM3NeT's if it begins with
    a record of its, else words if the times and links of its first thousand hits are plausible,
    else a ROOT file if it starts like one. A pipe holds words unless something else is
    said; those that come within a second are judged.
    ``link`` numbers the words where the declaration doesn't tell their link. ``first`` is the place
    of the first hit, if the file is to be given back as it is: only a file of words can be.

    Raises SourceError at once for what can't be opened or isn't plausible, and while reading for
    what is wrong inside. ``force`` takes it as it is, as words if it is nothing else.
    """
    if str(path) == "-":
        _check_recorded(first, "standard input", "a pipe is not looked at before it is read")
        stdin = cast(FileIO, cast(BufferedReader, sys.stdin.buffer).raw)
        return _from_pipe(stdin, "standard input", detector, link, force, block_bytes, form)
    path = Path(path)
    stream = _open(path)
    if not S_ISREG(os.fstat(stream.fileno()).st_mode):
        _check_recorded(first, str(path), "a pipe is not looked at before it is read")
        return _from_pipe(stream, str(path), detector, link, force, block_bytes, form)
    with stream:  # opened again when its turn has come: there may be thousands of files
        start = stream.read(_bytes_to_judge(detector))
        size = os.fstat(stream.fileno()).st_size
    if _is_table(detector, form):
        _check_recorded(first, str(path), "of a table only the declared columns are kept")
        return _source(open_table(path, detector, link, force=force))
    found = form or _form_of(start, detector, force=force)
    if found != "words":
        _check_recorded(first, str(path), "how its words were written is not kept")
    if found == "km3net":
        return _km3net(path, detector, start, tree)
    if tree is not None:
        raise UsageError(f"--tree {tree}: {path} is not KM3NeT's, and has no trees")
    if found == "text":
        rows = read_text(path, detector, link, _FIRST_ROWS_BYTES)
        _first_of_text(rows, str(path), detector, force=force)
        return Source(read_text(path, detector, link, block_bytes))
    cut_off = size % (8 * detector.words_per_hit) > 0
    if cut_off:
        _check_recorded(first, str(path), f"its {size} bytes are no whole number of hits")
    _judge_start(start, str(path), detector, force=force, cut_off=cut_off)
    blocks = _words_of(path, detector, link, block_bytes, first)
    return Source(_told_apart(blocks, start, detector))


def _from_pipe(
    stream: FileIO,
    name: str,
    detector: Detector,
    link: int,
    force: bool,
    block_bytes: int,
    form: Format | None,
) -> Source:
    if _is_table(detector, form):
        return _source(table_from_pipe(stream, name, detector, link, force=force))
    if form == "km3net":
        raise SourceError(f"{name}: a file of KM3NeT can't be read from a pipe: name it itself")
    if form == "text":
        rows = read_text(Path(name), detector, link, block_bytes, stream)
        return Source(chain([_first_of_text(rows, name, detector, force=force)], rows))
    start, ended = peek(stream, _bytes_to_judge(detector))
    cut_off = ended and len(start) % (8 * detector.words_per_hit) > 0
    _judge_start(start, name, detector, force=force, cut_off=cut_off)
    blocks = read_words(Peeked(start, stream), detector, name, link, block_bytes)
    blocks = _told_apart(blocks, start, detector)
    if not force and not ended:
        blocks = judged(blocks, detector, lambda words: _judge_more(words, name, detector))
    return Source(_closing(stream, blocks))


def _is_table(detector: Detector, form: Format | None) -> bool:
    """Whether a table is read. Raises UsageError if that isn't what the detector declares."""
    if detector.table is None and form == "table":
        raise UsageError(f"--format table: {detector.name} declares no [table]")
    if detector.table is not None and form not in (None, "table"):
        raise UsageError(f"--format {form}: {detector.name} declares a table, and no words")
    return detector.table is not None


def _source(table: TableSource) -> Source:
    return Source(table.blocks, table.started_ns, table.tally)


def _form_of(start: bytes, detector: Detector, *, force: bool) -> Format:
    """What a file holds of which nothing was said, by its first bytes."""
    if has_header(start, detector):
        return "text"
    if not force and _is_km3net(detector) and looks_like_wire(start):
        return "km3net"
    if force or not start.startswith(b"root"):
        return "words"
    return "km3net" if doubt(_whole_hits(start, detector), detector) else "words"


def _is_km3net(detector: Detector) -> bool:
    return FIELDS.issubset(field.name for field in detector.fields)


def _km3net(path: Path, detector: Detector, start: bytes, tree: str | None) -> Source:
    if not _is_km3net(detector):
        raise SourceError(
            f"{path}: it is read as a file of KM3NeT, and {detector.name} has no such words:"
            " try --detector km3net"
        )
    if not start.startswith(b"root"):
        found = records(path, tree)
        return Source(read_wire(path, detector, found), found[0].utc_ns)
    from readout.source.km3net import L1, read_slices, start_utc_ns  # uproot takes a second

    return Source(read_slices(path, detector, tree or L1), start_utc_ns(path, tree or L1))


def _first_of_text(rows: Iterator[Block], name: str, detector: Detector, *, force: bool) -> Block:
    """The first block of a dump, if it holds enough hits."""
    first = next(rows)
    if not force and (few := enough_hits(first.words, detector)) and few.sure:
        raise _refused(few, name, first.words, b"", detector)
    return first


def _judge_start(
    start: bytes, name: str, detector: Detector, *, force: bool, cut_off: bool
) -> None:
    """Raise SourceError unless the words that begin so can be this detector's.

    Some doubt is enough if they begin like a file of another kind, or are ``cut_off`` amid a hit.
    """
    if not start:
        raise SourceError(f"{name}: empty, there is not a single word in it")
    if force:
        return
    words = _whole_hits(start, detector)
    why = doubt(words, detector)
    if why and (why.sure or cut_off or foreign(start)):
        raise _refused(why, name, words, start, detector)


def _judge_more(words: Words, name: str, detector: Detector) -> None:
    """Raise SourceError if the first thousand hits of a slow pipe can't be this detector's."""
    if (why := doubt(words, detector)) and why.sure:
        raise _refused(why, name, words, b"", detector)


def _refused(why: Doubt, name: str, words: Words, start: bytes, detector: Detector) -> SourceError:
    hint = looks_like(words, detector) or foreign(start)
    hint = f"{hint}, or" if hint else "if it is right,"
    return SourceError(f"{name}: {why.reason}; {hint} give --force to take it as it is")


def _bytes_to_judge(detector: Detector) -> int:
    return 8 * detector.words_per_hit * ENOUGH_HITS


def _whole_hits(start: bytes, detector: Detector) -> Words:
    hit_bytes = 8 * detector.words_per_hit
    return np.frombuffer(start[: len(start) // hit_bytes * hit_bytes], "<u8")


def _told_apart(blocks: Iterator[Block], start: bytes, detector: Detector) -> Iterator[Block]:
    """The blocks; each chip's as a link of its own where the stream begins with a chip's header."""
    chips = start.startswith(MAGIC) and {field.name for field in detector.fields} >= CHIP_FIELDS
    return by_chip(blocks) if chips else blocks


def _check_recorded(first: int | None, name: str, why: str) -> None:
    """Raise SourceError if a source that can't be given back as it was is asked to be."""
    if first is not None:
        raise SourceError(
            f"{name}: it can't be given back as recorded: {why}; keep the file, and do without"
            " --as-recorded"
        )


def _words_of(
    path: Path, detector: Detector, link: int, block_bytes: int, first: int | None
) -> Iterator[Block]:
    stream = _open(path)
    yield from _closing(stream, read_words(stream, detector, str(path), link, block_bytes, first))


def _open(path: Path) -> FileIO:
    try:
        return path.open("rb", buffering=0)
    except FileNotFoundError:
        there = [each.name for each in path.parent.glob("*")]
        near = get_close_matches(path.name, there, 1)
        hint = f"did you mean {path.parent / near[0]}?" if near else "check the path"
        raise SourceError(f"{path}: there is no such file; {hint}") from None
    except IsADirectoryError:
        raise SourceError(f"{path}: a folder; name a file in it") from None
    except PermissionError:
        raise SourceError(f"{path}: you may not read it; check its permissions") from None
    except OSError as error:
        raise SourceError(f"{path}: can't be opened: {error.strerror}") from error


def _closing(stream: FileIO, blocks: Iterator[Block]) -> Iterator[Block]:
    with stream:
        yield from blocks

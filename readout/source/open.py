"""A source for a path, by what is in it."""

import re
import sys
from collections.abc import Iterator
from difflib import get_close_matches
from io import BufferedReader, FileIO
from pathlib import Path
from typing import cast

from db.detector import Detector
from db.errors import SourceError
from readout.source.binary import BLOCK_BYTES, read_words
from readout.source.block import Block
from readout.source.plausible import plausible
from readout.source.text import GZIP, read_text

_PRINTABLE = re.compile(rb"[\t\r\n -~]+")


def open_source(
    path: str | Path,
    detector: Detector,
    link: int = 0,
    force: bool = False,
    block_bytes: int = BLOCK_BYTES,
) -> Iterator[Block]:
    """Blocks of the words at ``path``: a file, a pipe, or ``-`` for standard input.

    A file may hold raw words, a text dump (also gzipped), or KM3NeT's ROOT trees; what it starts
    with decides. ``link`` numbers the words where the declaration doesn't tell their link.
    Raises SourceError at once if there is nothing to read, and while reading for what is wrong
    inside; ``force`` takes words that don't look like the detector's.
    """
    if str(path) == "-":
        # Unbuffered: a buffer would hold words back until it is full.
        stdin = cast(BufferedReader, sys.stdin.buffer).raw
        blocks = read_words(stdin, detector, "standard input", link, block_bytes)
        return blocks if force else plausible(blocks, detector, "standard input")
    path = Path(path)
    stream, start = _open(path), b""
    if stream.seekable():  # looking into a pipe would take words out of it
        start = stream.read(512)
        stream.seek(0)
    if start.startswith(b"root"):
        from readout.source.km3net import FIELDS, read_slices  # what reads ROOT takes a second

        stream.close()
        if not FIELDS.issubset(field.name for field in detector.fields):
            raise SourceError(
                f"{path}: a ROOT file is KM3NeT's here, and {detector.name} has no such words:"
                " try --detector km3net"
            )
        return read_slices(path, detector)
    if start.startswith(GZIP) or _PRINTABLE.fullmatch(start):
        stream.close()
        blocks = read_text(path, detector, link, block_bytes)
    else:
        blocks = _closing(stream, read_words(stream, detector, str(path), link, block_bytes))
    return blocks if force else plausible(blocks, detector, str(path))


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

"""Raw words from a file, a pipe or standard input."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from db.detector import Detector
from db.detector.words import Words
from db.errors import SourceError
from readout.source.block import Block, by_link

BLOCK_BYTES = 1 << 20


class ByteStream(Protocol):
    """What words can be read from: an unbuffered file, or a pipe."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Wait for data and put them into the buffer, as much as there is: how much, 0 at the end.

        A buffered stream would wait until the whole buffer is full.
        """


def read_words(
    stream: ByteStream,
    detector: Detector,
    name: str,
    link: int = 0,
    block_bytes: int = BLOCK_BYTES,
    first: int | None = None,
) -> Iterator[Block]:
    """The stream's words, block by block as they come; ``name`` is what errors call it. ``first``
    is the place of the first hit, if places are to be kept.

    Raises SourceError if the stream is empty, and if it ends amid a hit, after all whole hits were
    delivered.
    """
    for words in _whole_hits(stream, 8 * detector.words_per_hit, name, block_bytes):
        yield from by_link(detector, words, link, first)
        if first is not None:
            first += len(words) // detector.words_per_hit


def _whole_hits(stream: ByteStream, hit_bytes: int, name: str, block_bytes: int) -> Iterator[Words]:
    rest = np.empty(0, np.uint8)
    total = 0
    while True:
        # A new buffer each time: whoever took the last one may still hold on to it.
        buffer = np.empty(max(block_bytes, hit_bytes), np.uint8)
        buffer[: len(rest)] = rest
        got = stream.readinto(buffer[len(rest) :].data)
        if got is None:
            raise SourceError(f"{name}: it doesn't wait for data; open it as a blocking stream")
        if got == 0:
            break
        total += got
        filled = len(rest) + got
        whole = filled - filled % hit_bytes
        if whole:
            yield buffer[:whole].view("<u8")
        rest = buffer[whole:filled].copy()
    if not total:
        raise SourceError(f"{name}: empty, there is not a single word in it")
    if len(rest):
        raise SourceError(
            f"{name}: {total} bytes are no whole number of {hit_bytes}-byte hits:"
            f" {len(rest)} bytes are left over at the end. All {total // hit_bytes} hits before"
            " them were read; was the file cut off, or is it of another detector?"
        )

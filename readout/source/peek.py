"""A look at the first bytes of a pipe, which are delivered all the same."""

import select
import time
from io import FileIO

from readout.source.binary import ByteStream

_PATIENCE_S = 1.0


def peek(stream: FileIO, most: int, patience_s: float = _PATIENCE_S) -> tuple[bytes, bool]:
    """At most so many first bytes, and whether the stream ended with them.

    Waits for the first as long as need be, for others until ``patience_s`` after it: words that
    come slowly are not held back.
    """
    start, until = bytearray(), None
    while len(start) < most:
        if until is not None:
            left = max(0.0, until - time.monotonic())
            if not select.select([stream], [], [], left)[0]:
                return bytes(start), False
        piece = stream.read(most - len(start))
        if not piece:
            return bytes(start), True
        start += piece
        until = until or time.monotonic() + patience_s
    return bytes(start), False


class Peeked:
    """A stream of which the first bytes were read before."""

    def __init__(self, start: bytes, stream: ByteStream) -> None:
        self._start, self._stream = memoryview(start), stream

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Put what there is into the buffer: how much, 0 at the end."""
        if not self._start:
            return self._stream.readinto(buffer)
        n = min(len(self._start), len(buffer))
        buffer[:n], self._start = self._start[:n], self._start[n:]
        return n

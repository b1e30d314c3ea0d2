"""Words from a character device, such as a DMA channel's ``/dev/xdma0_c2h_0``, or a named pipe."""

import os
import select
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from db.detector import Detector
from db.errors import SourceError, UsageError
from readout.source.binary import BLOCK_BYTES, read_words
from readout.source.block import Block

_DRAIN_S = 1.0


def read_device(
    path: Path,
    detector: Detector,
    stop: threading.Event,
    link: int = 0,
    block_bytes: int = BLOCK_BYTES,
) -> Iterator[Block]:
    """The device's words, block by block as they come, until ``stop``.

    A named pipe waits for its next writer when one has closed it. Raises UsageError if the device
    can't be opened, SourceError if it fails or ends.
    """
    try:
        pipe = stat.S_ISFIFO(path.stat().st_mode)
        # With a writer of our own a pipe never ends.
        descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK if pipe else os.O_RDONLY)
    except OSError as fault:
        raise UsageError(f"{path}: can't be opened: {fault.strerror}") from None
    return _blocks(descriptor, path, detector, stop, link, block_bytes)


def _blocks(
    descriptor: int,
    path: Path,
    detector: Detector,
    stop: threading.Event,
    link: int,
    block_bytes: int,
) -> Iterator[Block]:
    try:
        yield from read_words(_Device(descriptor, stop), detector, str(path), link, block_bytes)
    except OSError as fault:
        raise SourceError(f"{path}: reading failed: {fault.strerror}") from None
    except SourceError:
        if not stop.is_set():  # else it is we who ended it
            raise
    finally:
        os.close(descriptor)


class _Device:
    """A stream that waits for data, and ends at ``stop``, when what it held by then is read."""

    def __init__(self, descriptor: int, stop: threading.Event) -> None:
        self._descriptor, self._stop = descriptor, stop
        self._until: float | None = None

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Wait for data and put them into the buffer: how much, 0 at the end."""
        while not self._stop.is_set():
            if select.select([self._descriptor], [], [], 0.1)[0]:
                return os.readv(self._descriptor, [buffer])
        # A device that never runs dry is left all the same.
        self._until = self._until or time.monotonic() + _DRAIN_S
        if time.monotonic() < self._until and select.select([self._descriptor], [], [], 0)[0]:
            return os.readv(self._descriptor, [buffer])
        return 0

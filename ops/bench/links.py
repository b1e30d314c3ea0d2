"""Many front-ends in a process of their own: each a link over TCP, at its own pace."""

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from ops.chaos.numbered import words
from ops.demo.front_end import Sender

_TICK_S = 0.05
_MOST_WORDS = 1 << 17
"""That a link keeps until they are safe; more would be a front-end with much memory."""


@dataclass(frozen=True)
class Sent:
    """What the links came to."""

    words: int
    seconds: float
    """Until the last word was handed over; not until it was safe."""

    @property
    def words_per_s(self) -> int:
        """Words a second, of all links."""
        return round(self.words / self.seconds)


@dataclass
class Links:
    """The process that sends."""

    process: BaseProcess
    end: Connection = field(repr=False)

    def result(self, wait_s: float) -> Sent | None:
        """Return what was sent, once all of it is safe; None if that takes longer."""
        try:
            return self.end.recv() if self.end.poll(wait_s) else None
        except EOFError:
            return None


@contextmanager
def links(port: int, n: int, words_per_s: float, seconds: float) -> Iterator[Links]:
    """Send numbered words on n links, so many a second in all, to a readout on this machine."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_send, args=(theirs, port, n, words_per_s, seconds), daemon=True)
    process.start()
    theirs.close()
    try:
        yield Links(process, ours)
    finally:
        process.kill()
        process.join()
        ours.close()


def spacing_ns(n: int, words_per_s: float) -> int:
    """Return the time between two words of a link."""
    return round(n * 1e9 / words_per_s)


def _send(end: Connection, port: int, n: int, words_per_s: float, seconds: float) -> None:
    spacing = spacing_ns(n, words_per_s)
    senders = [Sender(("127.0.0.1", port), link, 1, most_words=_MOST_WORDS) for link in range(n)]
    began, sent, total = time.monotonic(), 0, round(seconds * 1e9) // spacing
    # Who is held up sends later what is due: never more than the links keep, at a time.
    while sent < total and time.monotonic() - began < 2 * seconds:
        due = min(total, round((time.monotonic() - began) * 1e9) // spacing)
        stop = min(due, sent + _MOST_WORDS)
        piece = words(sent, stop, spacing)
        for sender in senders:
            sender.send(piece)
        sent = stop
        time.sleep(_TICK_S)
    took = time.monotonic() - began
    for sender in senders:
        sender.drain()
        sender.close()
    end.send(Sent(n * sent, took))

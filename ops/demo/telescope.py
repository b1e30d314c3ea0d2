"""The simulated telescope as a front-end: it sends its links' words, and knows the truth."""

import secrets
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from ops.demo.front_end import Sender
from ops.demo.truth import Truth
from readout.simulator.live import Slice

TRUE = ("t0", "t0_ns", "chamber", "n_hits")
"""Columns of the truth that the score looks at."""
Send = Callable[[Iterator[Slice]], None]
"""Sends the words of slices as they come, and returns when nobody needs to send them again."""


class Telescope:
    """Lets slices be sent until ``wish``; when all are sent it sets ``ended``."""

    def __init__(
        self,
        slices: Iterable[Slice],
        truth: Truth,
        send: Send,
        wish: threading.Event,
        ended: threading.Event,
    ) -> None:
        self._slices, self._truth, self._send = slices, truth, send
        self._wish, self._ended = wish, ended
        self._thread = threading.Thread(target=self._work, name="telescope", daemon=True)
        self.failures: list[Exception] = []
        self.sent_to = 0
        """Ticks since the telescope began."""

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def close(self) -> None:
        """Wait until it has ended."""
        self._thread.join()

    def _work(self) -> None:
        try:
            self._send(self._told())
        except Exception as fault:  # raised by whoever waits for the end
            self.failures.append(fault)
        finally:
            self._ended.set()

    def _told(self) -> Iterator[Slice]:
        """The slices, whose truth is known before their words are sent."""
        for piece in self._slices:
            if self._wish.is_set():
                return
            self._truth.put(piece.start, piece.stop, piece.segments.select(TRUE))
            yield piece
            self.sent_to = piece.stop


@contextmanager
def over_tcp(port: int) -> Iterator[Send]:
    """Yield what sends each link to a TCP port of this machine; it hangs up at the end."""
    stream, senders = secrets.randbits(32), dict[int, Sender]()

    def send(slices: Iterator[Slice]) -> None:
        for piece in slices:
            for link, words in piece.links.items():
                if link not in senders:
                    senders[link] = Sender(("127.0.0.1", port), link, stream)
                senders[link].send(words)
                senders[link].poll()
        for sender in senders.values():
            sender.drain()

    try:
        yield send
    finally:
        for sender in senders.values():
            sender.close()

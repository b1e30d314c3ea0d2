"""The simulated telescope as a front-end: it sends its links' words, and knows the truth."""

import secrets
import threading
from collections.abc import Iterable

from ops.demo.front_end import Sender
from ops.demo.truth import Truth
from readout.simulator.live import Slice

TRUE = ("t0", "t0_ns", "chamber", "n_hits")
"""Columns of the truth that the score looks at."""


class Telescope:
    """Sends slices to a TCP port of this machine until ``wish``.

    When all that it has sent is safe it sets ``ended``.
    """

    def __init__(
        self,
        slices: Iterable[Slice],
        truth: Truth,
        port: int,
        wish: threading.Event,
        ended: threading.Event,
    ) -> None:
        self._slices, self._truth, self._wish, self._ended = slices, truth, wish, ended
        self._address, self._stream = ("127.0.0.1", port), secrets.randbits(32)
        self._thread = threading.Thread(target=self._work, name="telescope", daemon=True)
        self._senders: dict[int, Sender] = {}
        self.failures: list[Exception] = []
        self.sent_to = 0
        """Ticks since the telescope began."""

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def close(self) -> None:
        """Hang up."""
        self._thread.join()
        for sender in self._senders.values():
            sender.close()

    def _work(self) -> None:
        senders = self._senders
        try:
            for piece in self._slices:
                if self._wish.is_set():
                    break
                self._truth.put(piece.start, piece.stop, piece.segments.select(TRUE))
                for link, words in piece.links.items():
                    if link not in senders:
                        senders[link] = Sender(self._address, link, self._stream)
                    senders[link].send(words)
                    senders[link].poll()
                self.sent_to = piece.stop
            for sender in senders.values():
                sender.drain()
        except Exception as fault:  # raised by whoever waits for the end
            self.failures.append(fault)
        finally:
            self._ended.set()

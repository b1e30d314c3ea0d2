"""Words over UDP: what is lost is counted, what comes twice dropped, small disorder healed."""

import select
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import structlog

from db.errors import UsageError
from db.words.chunk import Words
from readout.source.block import Block, Place
from readout.source.frame import HEADER, MAGIC, VERSION, WORDS

_log = structlog.get_logger()

_PACKETS = 128
_PACKET_BYTES = 1 << 16
_HEADS = np.dtype("<S4,u1,u1,<u2,<u4,<u4,<u8")
_BUFFER_BYTES = 64 << 20


@dataclass
class _Link:
    """One link's words that came before those they follow."""

    place: Place
    early: dict[int, Words] = field(default_factory=dict)
    """Words by their position in the stream."""
    since: float = 0.0
    """When the first of them came."""


class UdpSource:
    """Listens on ``host:port`` for packets, each a frame of words (see ``frame``).

    Packets that overtake others wait for them, until ``window`` have, or for ``patience_s``: then
    what is missing counts as lost. So does what the kernel dropped because its buffer was full.
    Iterate over ``blocks`` in one thread.
    """

    def __init__(
        self,
        address: tuple[str, int],
        words_per_hit: int,
        places: Mapping[int, Place],
        stop: threading.Event,
        *,
        window: int = 64,
        patience_s: float = 0.05,
    ) -> None:
        self._words_per_hit, self._stop = words_per_hit, stop
        self._window, self._patience_s = window, patience_s
        self._links = {link: _Link(place) for link, place in places.items()}
        self._rows = np.empty((_PACKETS, _PACKET_BYTES), np.uint8)
        self.lost = 0
        """Words that never came."""
        self.repeated = 0
        """Packets that brought nothing new."""
        self.foreign = 0
        """Packets that are no frames of words."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        self._socket.setblocking(False)
        try:
            self._socket.bind(address)
        except OSError as fault:
            self._socket.close()
            raise UsageError(
                f"can't listen on {address[0]}:{address[1]}: {fault.strerror}"
            ) from None
        got = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        if got < _BUFFER_BYTES:
            _log.warning(
                "the kernel gives UDP a small buffer, raise net.core.rmem_max",
                bytes=got,
                wanted=_BUFFER_BYTES,
            )

    @property
    def port(self) -> int:
        """The port it listens on; of use if 0 was asked for."""
        return int(self._socket.getsockname()[1])

    def blocks(self) -> Iterator[Block]:
        """The words of all links in order, each word once, with what is missing before them."""
        while not self._stop.is_set():
            if select.select([self._socket], [], [], self._patience_s / 2)[0]:
                yield from self._sort_in(self._receive())
            now = time.monotonic()
            for link, state in self._links.items():
                while state.early and (
                    len(state.early) >= self._window or now - state.since > self._patience_s
                ):
                    yield self._after_loss(link, state)
        for link, state in self._links.items():
            while state.early:
                yield self._after_loss(link, state)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _receive(self) -> list[int]:
        """Read what has come, at most as many packets as there are rows; the packets' sizes."""
        sizes: list[int] = []
        try:
            for row in self._rows:
                sizes.append(self._socket.recv_into(row.data))  # noqa: PERF401 - ends amid the rows
        except BlockingIOError:
            pass
        return sizes

    def _sort_in(self, sizes: list[int]) -> Iterator[Block]:
        """One block for each link of the words that can be handed on."""
        n = len(sizes)
        heads = self._rows[:n, : HEADER.size].copy().view(_HEADS)[:, 0]
        ready: dict[int, list[Words]] = {}
        for row, size, head in zip(self._rows, sizes, heads.tolist(), strict=False):
            magic, version, kind, link, stream, n_words, first = head
            whole = size == HEADER.size + 8 * n_words and not n_words % self._words_per_hit
            if (magic, version, kind, whole) != (MAGIC, VERSION, WORDS, True):
                self._count_foreign()
                continue
            state = self._links.get(link)
            if state is None or state.place.stream != stream:
                if state and (rest := ready.pop(link, None)):
                    yield self._block(link, state, rest)
                while state and state.early:
                    yield self._after_loss(link, state)
                state = self._links[link] = _Link(Place(stream, first))
            words = row[HEADER.size : size].view("<u8")
            self._take(state, first, words, ready.setdefault(link, []))
        for link, pieces in ready.items():
            if pieces:
                yield self._block(link, self._links[link], pieces)

    def _take(self, state: _Link, first: int, words: Words, ready: list[Words]) -> None:
        """Append the words, and those that waited for them; or let them wait."""
        at = state.place.words
        if first > at:
            if not state.early:
                state.since = time.monotonic()
            held = state.early.get(first)
            self.repeated += held is not None
            if held is None or len(held) < len(words):
                state.early[first] = words.copy()
            return
        if first + len(words) <= at:
            self.repeated += bool(len(words))
            return
        ready.append(words[at - first :])
        state.place = Place(state.place.stream, first + len(words))
        while state.early and (nearest := min(state.early)) <= state.place.words:
            self._take(state, nearest, state.early.pop(nearest), ready)

    def _after_loss(self, link: int, state: _Link) -> Block:
        """The words that waited longest, without those that they waited for."""
        nearest = min(state.early)
        lost = nearest - state.place.words
        self.lost += lost
        state.place = Place(state.place.stream, nearest)
        ready: list[Words] = []
        self._take(state, nearest, state.early.pop(nearest), ready)
        state.since = time.monotonic()
        return self._block(link, state, ready, lost)

    def _block(self, link: int, state: _Link, pieces: list[Words], lost: int = 0) -> Block:
        # Always a copy: the rows are used again.
        return Block(link, np.concatenate(pieces), place=state.place, lost=lost, can_wait=False)

    def _count_foreign(self) -> None:
        self.foreign += 1
        if self.foreign & (self.foreign - 1) == 0:
            _log.warning("packets that are no frames of words", port=self.port, n=self.foreign)

"""Words over UDP: what is lost is counted, what comes twice dropped, small disorder healed."""

import select
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import structlog

from db.detector.words import Words
from db.errors import UsageError
from db.words.frame import HEADER, HELLO, MAGIC, VERSION, WORDS
from readout.source.block import Block, Place

_log = structlog.get_logger()

_PACKETS = 128
_PACKET_BYTES = 1 << 16
_HEADS = np.dtype("<S4,u1,u1,<u2,<u4,<u4,<u8")
_BUFFER_BYTES = 64 << 20
_DRAIN_S = 1.0
"""How long packets are still taken after the stop: as long as the socket holds some, at most."""


@dataclass
class _Stream:
    """What came of a link's stream, and its words that came before those they follow."""

    link: int
    place: Place
    early: dict[int, Words] = field(default_factory=dict)
    """Words by their position in the stream."""
    since: float = 0.0
    """When the first of them came."""


class UdpSource:
    """Listens on ``host:port`` for packets, each a frame of words (see ``frame``).

    Packets that overtake others wait for them, until ``window`` have, or for ``patience_s``: then
    what is missing counts as lost. So does what the kernel dropped because its buffer was full, and
    what is missing before the first packet of a stream, which counts from 0 unless a hello of the
    sender says otherwise. A stream that was seen before is known again. Iterate over ``blocks`` in
    one thread.
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
        known = [_Stream(link, place) for link, place in places.items()]
        self._current = {each.link: each for each in known}
        self._streams = {(each.link, each.place.stream): each for each in known}
        self._rows = np.empty((_PACKETS, _PACKET_BYTES), np.uint8)
        self.lost = 0
        """Hits that never came."""
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
            for stream in self._streams.values():
                while stream.early and (
                    len(stream.early) >= self._window or now - stream.since > self._patience_s
                ):
                    yield self._after_loss(stream)
        # What came before the stop is in the socket, and nobody would send it again.
        until = time.monotonic() + _DRAIN_S
        while time.monotonic() < until and (sizes := self._receive()):
            yield from self._sort_in(sizes)
        for stream in self._streams.values():
            while stream.early:
                yield self._after_loss(stream)

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
        """One block for each stream of the words that can be handed on."""
        n = len(sizes)
        heads = self._rows[:n, : HEADER.size].copy().view(_HEADS)[:, 0]
        ready: dict[tuple[int, int], list[Words]] = {}
        for row, size, head in zip(self._rows, sizes, heads.tolist(), strict=False):
            magic, version, kind, link, number, n_words, first = head
            whole = size == HEADER.size + 8 * n_words and not n_words % self._words_per_hit
            known = kind == WORDS or (kind == HELLO and not n_words)
            if (magic, version, whole, known) != (MAGIC, VERSION, True, True):
                self._count_foreign()
                continue
            stream = self._streams.get((link, number))
            if stream is None:
                if before := self._current.get(link):
                    if rest := ready.pop((link, before.place.stream), None):
                        yield self._block(before, rest)
                    while before.early:
                        yield self._after_loss(before)
                stream = _Stream(link, Place(number, first if kind == HELLO else 0))
                self._current[link] = self._streams[link, number] = stream
            words = row[HEADER.size : size].view("<u8")
            if len(words):
                self._take(stream, first, words, ready.setdefault((link, number), []))
        for key, pieces in ready.items():
            if pieces:
                yield self._block(self._streams[key], pieces)

    def _take(self, stream: _Stream, first: int, words: Words, ready: list[Words]) -> None:
        """Append the words, and those that waited for them; or let them wait."""
        at = stream.place.words
        if first > at:
            if not stream.early:
                stream.since = time.monotonic()
            held = stream.early.get(first)
            self.repeated += held is not None
            if held is None or len(held) < len(words):
                stream.early[first] = words.copy()
            return
        if first + len(words) <= at:
            self.repeated += 1
            return
        ready.append(words[at - first :])
        stream.place = Place(stream.place.stream, first + len(words))
        while stream.early and (nearest := min(stream.early)) <= stream.place.words:
            self._take(stream, nearest, stream.early.pop(nearest), ready)

    def _after_loss(self, stream: _Stream) -> Block:
        """The words that waited longest, without those that they waited for."""
        nearest = min(stream.early)
        lost = (nearest - stream.place.words) // self._words_per_hit
        self.lost += lost
        stream.place = Place(stream.place.stream, nearest)
        ready: list[Words] = []
        self._take(stream, nearest, stream.early.pop(nearest), ready)
        stream.since = time.monotonic()
        return self._block(stream, ready, lost)

    def _block(self, stream: _Stream, pieces: list[Words], lost: int = 0) -> Block:
        # A stream that was left is no place to go on from.
        place = stream.place if stream is self._current[stream.link] else None
        # Always a copy: the rows are used again.
        words = np.concatenate(pieces)
        return Block(stream.link, words, place=place, lost=lost, can_wait=False)

    def _count_foreign(self) -> None:
        self.foreign += 1
        if self.foreign & (self.foreign - 1) == 0:
            _log.warning("packets that are no frames of words", port=self.port, n=self.foreign)

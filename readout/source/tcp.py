"""Words over TCP: any number of senders, each resuming where its words were last safe."""

import selectors
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import structlog

from db.detector.words import Words
from db.errors import SourceError, UsageError
from db.words.frame import HEADER, HELLO, PLACE, Header, read_header
from readout.source.block import Block, Place

_log = structlog.get_logger()
DEAF_S = 1.0
"""How long nobody new is taken after that failed, for want of file descriptors, say."""


@dataclass(eq=False)
class _Connection:
    """One sender, and the frame that is just coming in."""

    sock: socket.socket
    peer: str
    links: set[int] = field(default_factory=set)
    head: bytearray = field(default_factory=lambda: bytearray(HEADER.size))
    header: Header | None = None
    body: memoryview = field(default_factory=lambda: memoryview(b""))
    words: Words | None = None
    filled: int = 0
    unsent: bytes = b""


class TcpSource:
    """Listens on ``host:port``; ``places`` are those up to which words came in an earlier process.

    Iterate over ``blocks`` in one thread; ``tell_safe`` may be called from another. A connection
    that breaks or sends nonsense is one line in the log; its links go on when they connect again.
    """

    def __init__(
        self,
        address: tuple[str, int],
        words_per_hit: int,
        places: Mapping[int, Place],
        stop: threading.Event,
    ) -> None:
        self._places = {(link, place.stream): place for link, place in places.items()}
        self._words_per_hit, self._stop = words_per_hit, stop
        self._of_link: dict[int, _Connection] = {}
        self.lost = 0
        """Hits that their senders no longer had."""
        self._lock = threading.Lock()
        self._selector = selectors.DefaultSelector()
        try:
            self._listener = socket.create_server(address, backlog=128)
        except OSError as fault:
            raise UsageError(
                f"can't listen on {address[0]}:{address[1]}: {fault.strerror}"
            ) from None
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ, None)
        self._deaf_until: float | None = None

    @property
    def port(self) -> int:
        """The port it listens on; of use if 0 was asked for."""
        return int(self._listener.getsockname()[1])

    @property
    def connected(self) -> set[int]:
        """Links that are connected just now."""
        return set(self._of_link)

    def blocks(self) -> Iterator[Block]:
        """The words of all senders, frame by frame as they come, each word once."""
        while not self._stop.is_set():
            self._listen_again()
            for ready, _ in self._selector.select(0.1):
                if ready.data is None:
                    self._accept()
                else:
                    yield from self._receive(ready.data)

    def tell_safe(self, places: Mapping[int, Place]) -> None:
        """Tell each connected sender the place up to which its words are safe."""
        for link, place in places.items():
            if (connection := self._of_link.get(link)) is not None:
                self._send(connection, PLACE, link, place)

    def close(self) -> None:
        """Close all connections."""
        for key in list(self._selector.get_map().values()):
            cast(socket.socket, key.fileobj).close()
        self._listener.close()
        self._selector.close()

    def _listen_again(self) -> None:
        if self._deaf_until is not None and time.monotonic() > self._deaf_until:
            self._deaf_until = None
            self._selector.register(self._listener, selectors.EVENT_READ, None)

    def _accept(self) -> None:
        try:
            sock, address = self._listener.accept()
        except OSError as fault:
            # It still waits there: asked at once again, it would be refused a thousand times.
            _log.warning("a connection can't be taken, trying again", why=fault.strerror)
            self._selector.unregister(self._listener)
            self._deaf_until = time.monotonic() + DEAF_S
            return
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = _Connection(sock, f"{address[0]}:{address[1]}")
        self._selector.register(sock, selectors.EVENT_READ, connection)

    def _receive(self, connection: _Connection) -> Iterator[Block]:
        """Whole frames that have come; a connection that ends or errs is dropped."""
        try:
            while (got := self._read_some(connection)) is not None:
                if got:
                    yield from self._frame(connection)
        except SourceError as fault:
            self._drop(connection, f"{fault}; is it a sender of another kind?")
        except OSError as fault:
            self._drop(connection, str(fault.strerror or fault))

    def _read_some(self, connection: _Connection) -> bool | None:
        """Read on: True when the frame is whole, None when there is nothing to read now."""
        c = connection
        buffer = memoryview(c.head) if c.header is None else c.body
        try:
            got = c.sock.recv_into(buffer[c.filled :])
        except BlockingIOError:
            return None
        if not got:
            within = "amid a frame" if c.filled or c.header else "between frames"
            raise ConnectionError(f"the sender closed it {within}")
        c.filled += got
        if c.filled < len(buffer):
            return False
        c.filled = 0
        if c.header is None:
            c.header = read_header(c.head)
            if c.header.n_words % self._words_per_hit:
                raise SourceError(f"a frame of {c.header.n_words} words holds no whole hits")
            # A new one each time: the receiver keeps it.
            c.words = np.empty(c.header.n_words, np.uint64)
            c.body = c.words.view(np.uint8).data
            return not c.header.n_words
        return True

    def _frame(self, connection: _Connection) -> Iterator[Block]:
        header, words = connection.header, connection.words
        connection.header = None
        assert header is not None
        assert words is not None
        link, first = header.link, header.first
        # A stream that comes again after another one is known again.
        key = link, header.stream
        place = self._places.setdefault(key, Place(header.stream, first))
        connection.links.add(link)
        self._of_link[link] = connection
        if header.kind == HELLO:
            # Words that the sender no longer has are booked when the first ones after them come.
            self._send(connection, HELLO, link, Place(header.stream, max(place.words, first)))
        elif header.n_words:
            known = max(0, place.words - first)
            lost = max(0, first - place.words) // self._words_per_hit
            self.lost += lost
            if known < header.n_words:
                place = self._places[key] = Place(header.stream, first + header.n_words)
                yield Block(link, words[known:], place=place, lost=lost)

    def _send(self, connection: _Connection, kind: int, link: int, place: Place) -> None:
        """Answer; a sender that doesn't read its answers misses some: a later one says more."""
        frame = Header(kind, link, place.stream, 0, place.words).pack()
        with self._lock:
            try:
                if connection.unsent:
                    connection.unsent = connection.unsent[connection.sock.send(connection.unsent) :]
                if not connection.unsent:
                    connection.unsent = frame[connection.sock.send(frame) :]
            except BlockingIOError:
                return
            except OSError:
                return  # the reader of this connection finds out, and says so

    def _drop(self, connection: _Connection, why: str) -> None:
        links = ", ".join(map(str, sorted(connection.links))) or "none yet"
        _log.warning("a connection ended", peer=connection.peer, links=links, why=why)
        for link in connection.links:
            if self._of_link.get(link) is connection:
                del self._of_link[link]
        self._selector.unregister(connection.sock)
        connection.sock.close()

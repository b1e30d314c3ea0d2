"""Sends a link's words to a TCP source, and again those that were not safe when a line broke."""

import select
import socket
import time
from collections import deque

import numpy as np

from db.detector.words import Words
from db.errors import SourceError
from db.words.frame import HEADER, HELLO, MOST_WORDS, WORDS, Header, read_header


class Sender:
    """Numbers the words of one link and keeps them until the readout says that they are safe.

    ``send`` and ``drain`` connect again whenever the connection breaks, for ``patience_s`` seconds;
    then they raise SourceError.
    """

    def __init__(
        self,
        address: tuple[str, int],
        link: int,
        stream: int,
        *,
        most_words: int = 1 << 22,
        patience_s: float = 60.0,
    ) -> None:
        self._address, self._link, self._stream = address, link, stream
        self._most_words, self._patience_s = most_words, patience_s
        self._kept: deque[tuple[int, Words]] = deque()
        self._sock: socket.socket | None = None
        self._answer = b""
        self.sent = 0
        """Words given to ``send``."""
        self.safe = 0
        """Words that the readout will not ask for again."""

    def send(self, words: Words) -> None:
        """Send the words; waits while too many are not yet safe."""
        for start in range(0, len(words), MOST_WORDS):
            piece = np.ascontiguousarray(words[start : start + MOST_WORDS])
            self._kept.append((self.sent, piece))
            self.sent += len(piece)
            self._deliver(self.sent - len(piece), piece)
        self._wait(until_safe=max(0, self.sent - self._most_words))

    def drain(self) -> None:
        """Wait until all words are safe."""
        self._wait(until_safe=self.sent)

    def poll(self, wait_s: float = 0.0) -> None:
        """Take note of what has become safe; waits so long for news.

        Where the line is broken and words are not safe yet, it is made anew.
        """
        if self._sock is None and self._kept:
            self._connect()
        try:
            if self._sock:
                self._read(self._sock, wait_s)
        except OSError:
            self.close()

    def close(self) -> None:
        """Close the connection."""
        if self._sock:
            self._sock.close()
            self._sock = None

    def _deliver(self, first: int, words: Words) -> None:
        try:
            if self._sock is None:
                self._connect()  # sends all that is kept, these words too
                return
            self._write(self._sock, first, words)
            self._read(self._sock, 0)
        except OSError:
            self._connect()

    def _wait(self, until_safe: int) -> None:
        while self.safe < until_safe:
            self.poll(1.0)

    def _connect(self) -> None:
        """Say hello until somebody answers, then send what is not yet there."""
        deadline = time.monotonic() + self._patience_s
        while True:
            self.close()
            try:
                sock = self._sock = socket.create_connection(self._address, timeout=5.0)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._answer = b""
                sock.sendall(Header(HELLO, self._link, self._stream, 0, self.safe).pack())
                here = -1
                while here < 0:
                    here = self._read(sock, 5.0)
                for first, words in list(self._kept):
                    if first + len(words) > here:
                        known = max(0, here - first)
                        self._write(sock, first + known, words[known:])
            except OSError as fault:
                if time.monotonic() > deadline:
                    raise SourceError(
                        f"link {self._link}: nobody takes words at {self._address}: {fault}"
                    ) from None
                time.sleep(0.05)
            else:
                return

    def _write(self, sock: socket.socket, first: int, words: Words) -> None:
        header = Header(WORDS, self._link, self._stream, len(words), first)
        sock.sendall(header.pack() + words.astype("<u8", copy=False).tobytes())

    def _read(self, sock: socket.socket, wait_s: float) -> int:
        """Read what has been answered; the word from which to go on, or -1 if that wasn't said."""
        resume = -1
        while select.select([sock], [], [], wait_s)[0]:
            wait_s = 0
            got = sock.recv(4096)
            if not got:
                raise ConnectionError("the readout closed the connection")
            self._answer += got
        while len(self._answer) >= HEADER.size:
            said = read_header(self._answer)
            self._answer = self._answer[HEADER.size :]
            if said.stream != self._stream:
                continue
            if said.kind == HELLO:
                resume = said.first
            else:
                self.safe = max(self.safe, said.first)
        while self._kept and self._kept[0][0] + len(self._kept[0][1]) <= self.safe:
            self._kept.popleft()
        return resume

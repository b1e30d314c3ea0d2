"""Long runs of bytes between a socket and Arrow's memory: past the driver's buffers, copied once.

The driver joins its buffers one by one, which for the tens of megabytes of a block of words takes
longer than all else.
"""

import socket
import ssl
from typing import Any

import numpy as np

_LONG = 1 << 16


class Source:
    """What the driver reads from, with another way for long runs."""

    def __init__(self, buffered: Any, raw: socket.socket | None) -> None:
        """``raw`` is the socket behind the buffers; None where the bytes come compressed."""
        self._buffered = buffered
        self._raw = raw
        self.read_strings_arrow = buffered.read_strings_arrow

    def read(self, n: int) -> Any:
        """Return exactly n bytes, as an object with a buffer."""
        if n < _LONG:
            return self._buffered.read(n)
        out = np.empty(n, np.uint8)
        into = out.data
        if self._raw is None:
            for k in range(0, n, _LONG):
                into[k : k + _LONG] = self._buffered.read(min(_LONG, n - k))
            return out
        done = min(n, self._buffered.current_buffer_size - self._buffered.position)
        into[:done] = self._buffered.read(done)
        flags = 0 if isinstance(self._raw, ssl.SSLSocket) else socket.MSG_WAITALL
        while done < n:
            got = self._raw.recv_into(into[done:], 0, flags)
            if not got:
                raise EOFError("the server closed the connection")
            done += got
        return out


class Sink:
    """What the driver writes to, with another way for long runs."""

    def __init__(self, buffered: Any, raw: socket.socket | None) -> None:
        self._buffered = buffered
        self._raw = raw
        self.write_strings = buffered.write_strings

    def write(self, data: Any) -> None:
        """Take the bytes of an object with a buffer."""
        view = memoryview(data).cast("B")
        if self._raw is None or len(view) < _LONG:
            self._buffered.write(bytes(view))
        else:
            self._buffered.flush()
            self._raw.sendall(view)

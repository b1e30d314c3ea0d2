"""Connections that end when the client does not go on: slow heads, answers that nobody reads."""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

HEAD_S = 10.0
"""Seconds for the head of a request, from when the connection was made or the last answer given."""
STALLED_S = 30.0
"""Seconds after which a client that reads nothing of what waits for it is let go."""
CONNECTIONS = 800
"""Connections at once: most systems let a process open 1,024 files. Nobody opens more than are
left: he would keep all others out. Fifty pages behind one address need some 350."""


class _Read:
    """Hangs up on a client that does not read: whoever writes to it would wait for ever."""

    transport: asyncio.Transport
    loop: asyncio.AbstractEventLoop
    _stalled: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        """Much waits for the client: it must take some of it soon."""
        super().pause_writing()  # type: ignore[misc]
        self._stalled = self.loop.call_later(STALLED_S, self.transport.abort)

    def resume_writing(self) -> None:
        """It has taken enough."""
        super().resume_writing()  # type: ignore[misc]
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None


class SocketConnection(_Read, WebSocketsSansIOProtocol):
    """A web socket."""

    def keepalive_timeout(self) -> None:
        """Hang up: a client that answers no ping reads no goodbye either."""
        super().keepalive_timeout()
        self.transport.abort()


class Connection(_Read, H11Protocol):
    """HTTP. What one address holds leaves as much for the others."""

    _head: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a client in, unless it has as many connections as are left."""
        super().connection_made(transport)
        self._await_head()
        own = sum(_host(each) == _host(self) for each in self.connections)
        if own > max(1, CONNECTIONS - len(self.connections)):
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadlines."""
        self._head_came()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; only a whole head ends the wait for it, however many bytes come."""
        super().data_received(data)
        if self._answering():
            self._head_came()
        else:
            self._await_head()

    def handle_websocket_upgrade(self, event: Any) -> None:
        """Hand the connection over, to a class with deadlines of its own."""
        self._head_came()
        super().handle_websocket_upgrade(event)

    def timeout_keep_alive_handler(self) -> None:
        """End an idle connection, even if the client does not read to the end."""
        super().timeout_keep_alive_handler()
        self.loop.call_later(STALLED_S, self.transport.abort)

    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _await_head(self) -> None:
        if self._head is None and not self.transport.is_closing():
            self._head = self.loop.call_later(HEAD_S, self.transport.abort)

    def _head_came(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None


def _host(connection: Any) -> str | None:
    return connection.client[0] if connection.client else None

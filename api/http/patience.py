"""How long a request's body may take, and how long it may be."""

import asyncio
from collections.abc import Mapping

from fastapi import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_S = 20.0
"""Seconds that a body is waited for."""
LEAST_RATE = 10_000
"""Bytes a second that give it more time."""
MOST = 1 << 20
"""Bytes of a body, where nothing else is said."""


class Patience:
    """Waits for a body as long as its bytes come, and takes no more of them than its path allows.

    ``most`` gives bytes by the first part of a path. Time in which nobody waits for the client does
    not count. An HTTPException tells whoever reads the body what is wrong.
    """

    def __init__(self, app: ASGIApp, most: Mapping[str, int]) -> None:
        self._app, self._most = app, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request pass."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = _Body(receive, self._most.get(scope["path"].strip("/").partition("/")[0], MOST))

        async def send_noted(message: Message) -> None:
            body.answered = True
            await send(message)

        try:
            await self._app(scope, body.receive, send_noted)
        except ClientDisconnect:
            if not body.answered:  # nobody is there to be told, but the server wants an answer
                await send({"type": "http.response.start", "status": 400, "headers": []})
                await send({"type": "http.response.body", "body": b""})


class _Body:
    def __init__(self, receive: Receive, most: int) -> None:
        self._receive, self._most = receive, most
        self._size, self._waited, self._over = 0, 0.0, False
        self.answered = False
        """Whether the answer has begun."""

    async def receive(self) -> Message:
        if self._over:
            return await self._receive()
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            async with asyncio.timeout(BODY_S + self._size / LEAST_RATE - self._waited):
                message = await self._receive()
        except TimeoutError:
            return self._refuse(408, f"{self._size} bytes of the body came, and then no more")
        self._waited += clock() - began
        self._size += len(message.get("body", b""))
        self._over = not message.get("more_body", False)
        if self._size > self._most:
            return self._refuse(413, f"a body has up to {self._most} bytes here: send smaller ones")
        return message

    def _refuse(self, status: int, problem: str) -> Message:
        self._over = True
        if self.answered:  # an answer is under way to one who has not said all
            return {"type": "http.disconnect"}
        raise HTTPException(status, problem, {"Connection": "close"})

"""GraphQL over HTTP and web sockets, with who asks."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from datetime import timedelta

from starlette.requests import HTTPConnection
from starlette.websockets import WebSocketDisconnected as SocketClosed
from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.exceptions import ConnectionRejectionError
from strawberry.fastapi import GraphQLRouter
from strawberry.http.exceptions import NonJsonMessageReceived, WebSocketDisconnected
from strawberry.types.unset import UnsetType

from api.graphql.context import Context
from api.graphql.schema import schema
from api.graphql.shared_execution import write_message
from api.http.connection import HEAD_S
from api.state import AppState
from db.errors import EveryhitError, UsageError


class _Socket(ASGIWebSocketAdapter):
    """Lets a listener go who leaves while he is told something, or says what is no message."""

    async def iter_json(
        self, *, ignore_parsing_errors: bool = False
    ) -> AsyncGenerator[object, None]:
        """Yield what a client says: objects."""
        async for said in super().iter_json(ignore_parsing_errors=ignore_parsing_errors):
            if not isinstance(said, dict):
                raise NonJsonMessageReceived
            yield said

    async def send_json(self, message: Mapping[str, object]) -> None:
        """Send a message; to one who is gone, nothing: whoever reads from him ends it all."""
        with suppress(WebSocketDisconnected, SocketClosed):
            await super().send_json(message)


class _Router(GraphQLRouter[Context, None]):
    """Asks who is there when a web socket opens: browsers can't send a header with it."""

    websocket_adapter_class = _Socket

    async def on_ws_connect(self, context: Context) -> UnsetType | dict[str, object] | None:
        """Take the token from the connection's first message: {"authorization": "Bearer …"}."""
        params = context.connection_params
        text = params.get("authorization") if isinstance(params, Mapping) else None
        if isinstance(text, str):
            context.authorization = text
        try:
            await context.still()
        except EveryhitError as fault:
            raise ConnectionRejectionError({"code": fault.code, "message": str(fault)}) from None
        return {}

    def decode_json(self, data: str | bytes) -> object:
        """Read what a client sends; JSONDecodeError whatever is wrong with it."""
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as fault:  # too deep, no UTF-8, numbers too long
            raise json.JSONDecodeError(str(fault), "", 0) from None

    def parse_json(self, data: str | bytes) -> object:
        """Read the body of a request: one object."""
        try:
            asked = self.decode_json(data)
        except json.JSONDecodeError as fault:
            raise UsageError(f"the body is no JSON: {fault.msg}") from None
        if not isinstance(asked, dict) or not isinstance(asked.get("operationName"), str | None):
            raise UsageError('the body is one JSON object: {"query": "…", "variables": {…}}')
        return asked

    def encode_json(self, data: object) -> str | bytes:
        """Write what a request is answered, or a subscriber told."""
        return write_message(data) if isinstance(data, dict) else super().encode_json(data)


def graphql_routes(app_state: AppState) -> GraphQLRouter[Context, None]:
    """Return the routes below ``/graphql``."""

    async def context(connection: HTTPConnection) -> Context:
        given = connection.headers.get("authorization")
        if connection.scope["type"] == "websocket":
            return Context(app_state, None, given)
        return Context(app_state, await app_state.ask(app_state.authenticator.who, given))

    return _Router(
        schema,
        graphql_ide=None,
        allow_queries_via_get=False,
        context_getter=context,
        subscription_protocols=("graphql-transport-ws",),
        allowed_origins=app_state.rules.origins,
        max_subscriptions_per_connection=20,
        connection_init_wait_timeout=timedelta(seconds=HEAD_S),
    )

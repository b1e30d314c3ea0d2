import asyncio
from concurrent.futures import ThreadPoolExecutor

from starlette.websockets import WebSocket, WebSocketState

from api.http.graphql import graphql_routes


def test_whoever_is_gone_is_told_nothing_more(app_state):
    view = graphql_routes(app_state)
    for how in ("closed here", "gone there"):
        said = []

        async def send(message, how=how, said=said):
            if how == "gone there":
                raise OSError("the line is cut")
            said.append(message)

        socket = WebSocket({"type": "websocket"}, None, send)
        closed = how == "closed here"
        socket.client_state = WebSocketState.CONNECTED
        socket.application_state = (
            WebSocketState.DISCONNECTED if closed else WebSocketState.CONNECTED
        )
        telling = view.websocket_adapter_class(view, socket, socket).send_json({"type": "next"})
        with ThreadPoolExecutor(1) as pool:  # a browser's tests leave a loop in this one
            pool.submit(asyncio.run, telling).result()
        assert said == []

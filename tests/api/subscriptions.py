"""A web socket on which a test subscribes."""

import json
from contextlib import contextmanager

from websockets.sync.client import connect

PROTOCOL = ["graphql-transport-ws"]


@contextmanager
def opened(url, token):
    with connect(url.replace("http", "ws") + "/graphql", subprotocols=PROTOCOL) as socket:
        payload = {"authorization": f"Bearer {token}"} if token else {}
        socket.send(json.dumps({"type": "connection_init", "payload": payload}))
        yield socket


def ask(socket, query, number="1"):
    told = {"type": "subscribe", "id": number, "payload": {"query": query}}
    socket.send(json.dumps(told))

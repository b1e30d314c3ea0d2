"""New events over a web socket: what is said in which order, whoever carries it."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

from websockets.typing import Subprotocol

from everyhit.errors import ApiError

PROTOCOL = Subprotocol("graphql-transport-ws")
_EVENTS = """
subscription($run: String, $trigger: String!, $where: String!) {
  newEvents(run: $run, trigger: $trigger, where: $where) {
    missed events { t tEnd tS continued triggers nWords }
  }
}"""


class Socket(Protocol):
    """What carries the messages."""

    async def send(self, text: str, /) -> None:
        """Send a message."""

    def __aiter__(self) -> AsyncIterator[str | bytes]: ...


def address(url: str) -> str:
    """Return where subscriptions are asked for."""
    parts = urlsplit(url)
    scheme = {"http": "ws", "https": "wss"}[parts.scheme]
    return urlunsplit((scheme, parts.netloc, parts.path.rstrip("/") + "/graphql", "", ""))


def hello(token: str | None) -> str:
    """Return the first message."""
    payload = {"authorization": f"Bearer {token}"} if token else {}
    return json.dumps({"type": "connection_init", "payload": payload})


def subscribe(run: str | None, trigger: str, where: str) -> str:
    """Return the message that asks for events."""
    variables = {"run": run, "trigger": trigger, "where": where}
    payload = {"query": _EVENTS, "variables": variables}
    return json.dumps({"type": "subscribe", "id": "1", "payload": payload})


def events_in(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the events of a message from the server; ApiError for a complaint."""
    payload = message.get("payload") or {}
    errors = payload if message["type"] == "error" else payload.get("errors")
    for error in errors or ():
        raise ApiError(error["message"], (error.get("extensions") or {}).get("code", "graphql"))
    if message["type"] == "next":
        for event in payload["data"]["newEvents"]["events"]:
            times = {"t": int(event["t"]), "tEnd": int(event["tEnd"])}
            yield event | times | {"missed": payload["data"]["newEvents"]["missed"]}

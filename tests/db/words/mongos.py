"""A mongos that stands in front of one server and passes all on: it says what a mongos says of itself,
and takes the commands that shard."""

import select
import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import bson

_HEADER = struct.Struct("<iiii")
_REPLY, _MESSAGE = 1, 2013
"""Opcodes of an answer to a first hello, and of all other messages."""
_BODY_AT = {_REPLY: _HEADER.size + 20, _MESSAGE: _HEADER.size + 5}
_OF_A_SET = {
    "setName",
    "setVersion",
    "hosts",
    "passives",
    "arbiters",
    "primary",
    "me",
    "secondary",
} | {
    "electionId",
    "lastWrite",
    "topologyVersion",
}
"""What a member of a replica set says of the set."""
SHARDS = frozenset({"enableSharding", "shardCollection"})


@contextmanager
def mongos_before(
    port: int, answer: Mapping[str, Any] = MappingProxyType({"ok": 1.0})
) -> Iterator[int]:
    """The port of a mongos whose one shard is the server at a port of this machine.

    ``answer`` is what it says to commands that shard.
    """
    with socket.create_server(("127.0.0.1", 0)) as door:

        def take() -> None:
            while True:
                try:
                    client, _ = door.accept()
                except OSError:  # it is closed
                    return
                threading.Thread(target=_serve, args=(client, port, answer), daemon=True).start()

        threading.Thread(target=take, daemon=True).start()
        yield door.getsockname()[1]
        door.shutdown(socket.SHUT_RDWR)


def _serve(client: socket.socket, port: int, answer: Mapping[str, Any]) -> None:
    with client, socket.create_connection(("127.0.0.1", port)) as shard:
        while True:
            for source in select.select([client, shard], [], [])[0]:
                message = _message(source)
                if message is None:
                    return
                if source is shard:
                    client.sendall(_disguised(message))
                elif SHARDS & _document(message).keys():  # no shard would take it
                    client.sendall(_answer(message, answer))
                else:
                    shard.sendall(message)


def _message(source: socket.socket) -> bytes | None:
    """The next message; None behind the last."""
    try:
        head = source.recv(_HEADER.size, socket.MSG_WAITALL)
        if len(head) < _HEADER.size:
            return None
        return head + source.recv(_HEADER.unpack(head)[0] - len(head), socket.MSG_WAITALL)
    except ConnectionError:
        return None


def _answer(message: bytes, answer: Mapping[str, Any]) -> bytes:
    _, number, _, _ = _HEADER.unpack_from(message)
    body = bytes(5) + bson.encode(answer)
    return _HEADER.pack(_HEADER.size + len(body), 0, number, _MESSAGE) + body


def _disguised(message: bytes) -> bytes:
    """An answer of the server; to a hello it is that of a mongos."""
    told = _document(message)
    if "maxWireVersion" not in told:
        return message
    _, number, to, kind = _HEADER.unpack_from(message)
    told = {name: value for name, value in told.items() if name not in _OF_A_SET}
    body = message[_HEADER.size : _BODY_AT[kind]] + bson.encode({**told, "msg": "isdbgrid"})
    return _HEADER.pack(_HEADER.size + len(body), number, to, kind) + body


def _document(message: bytes) -> dict[str, Any]:
    """The first document of a message; empty where there is none to look at."""
    at = _BODY_AT.get(_HEADER.unpack_from(message)[3])
    if at is None:
        return {}
    size = struct.unpack_from("<i", message, at)[0]
    return dict(bson.decode(message[at : at + size]))

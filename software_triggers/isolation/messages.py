"""What travels to a trigger's process and back: a head and frames, in sealed shared memory."""

import fcntl
import json
import mmap
import os
import socket
from collections.abc import Mapping
from typing import Any

import polars as pl
import pyarrow as pa

_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
_MOST_FRAMES = 100


def send(
    way: socket.socket, head: Mapping[str, Any], frames: Mapping[str, pl.DataFrame] | None = None
) -> None:
    """Send a head, which must fit into JSON, and frames by name.

    Each goes into memory of its own that the kernel frees when nobody holds it, and that nobody can
    change once it is sent: a receiver may read it where it is.
    """
    frames = frames or {}
    pieces = []
    try:
        pieces.append(_sealed(json.dumps({**head, "frames": list(frames)}).encode()))
        pieces.extend(map(_sealed, frames.values()))
        socket.send_fds(way, [b"."], pieces)
    finally:
        for piece in pieces:
            os.close(piece)


def receive(way: socket.socket) -> tuple[dict[str, Any], dict[str, pl.DataFrame]]:
    """Receive a head and its frames; EOFError when the other end is gone, ValueError for what
    ``send`` did not make.
    """
    said, pieces, _, _ = socket.recv_fds(way, 1, _MOST_FRAMES)
    try:
        if not said:
            raise EOFError
        head, *frames = [_mapped(piece) for piece in pieces]
        told = json.loads(bytes(head))
        tables = [pa.ipc.open_file(pa.py_buffer(frame)).read_all() for frame in frames]
        named = zip(told["frames"], tables, strict=True)
        return told, {name: pl.DataFrame(pl.from_arrow(table)) for name, table in named}
    except (LookupError, TypeError, pa.ArrowException) as fault:
        raise ValueError(f"{type(fault).__name__}: {fault}") from fault
    finally:
        for piece in pieces:
            os.close(piece)


def _sealed(content: bytes | pl.DataFrame) -> int:
    piece = os.memfd_create("everyhit", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with open(piece, "wb", closefd=False) as file:
        if isinstance(content, bytes):
            file.write(content)
        else:
            content.write_ipc(file)
    fcntl.fcntl(piece, fcntl.F_ADD_SEALS, _SEALS)
    return piece


def _mapped(piece: int) -> mmap.mmap:
    if fcntl.fcntl(piece, fcntl.F_GET_SEALS) & _SEALS != _SEALS:
        raise ValueError("memory that may change while it is read")
    return mmap.mmap(piece, 0, prot=mmap.PROT_READ)

"""Opens a store by its address. One process owns an embedded store at a time."""

import fcntl
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from db.engine import Engine
from db.errors import StoreError, UsageError
from db.schema import migrate


@dataclass(frozen=True)
class Store:
    """An open store: its address, its folder for what lies beside the engine, and the engine."""

    url: str
    folder: Path
    engine: Engine


def store_folder(url: str) -> Path:
    """Return the folder of an embedded store's address, ``chdb:///path`` or a plain path.

    Raises UsageError for an address that this version can't open.
    """
    parts = urlsplit(url)
    if parts.scheme == "":
        return Path(url).expanduser().absolute()
    if parts.scheme != "chdb":
        raise UsageError(
            f"can't open {url}: the address of a store is chdb:///a/folder, or the folder itself"
        )
    if parts.netloc:
        raise UsageError(
            f"can't open {url}: write three slashes, chdb:///{parts.netloc}{parts.path}"
        )
    return Path(unquote(parts.path))


@contextmanager
def open_store(url: str) -> Iterator[Store]:
    """Open the store at ``url``, create it if it is not there, and close it at the end.

    Raises StoreError when another process has it open, when it can't be written, or when it is of
    a newer schema.
    """
    from db.engine.chdb import ChdbEngine

    folder = store_folder(url)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("a+")
    except OSError as fault:
        raise StoreError(f"can't create a store in {folder}: {fault.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            owner = lock.read().strip() or "another process"
            raise StoreError(
                f"the store {folder} is in use by {owner}; stop it, or name another --store"
            ) from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()} ({' '.join(sys.argv)[:120]})")
        lock.flush()
        _enough_room(folder)
        engine = ChdbEngine(folder / "engine")
        try:
            migrate(engine)
            yield Store(url, folder, engine)
        finally:
            engine.close()
            lock.truncate(0)


def _enough_room(folder: Path, least: int = 64 << 20) -> None:
    free = shutil.disk_usage(folder).free
    if free < least:
        raise StoreError(
            f"only {free >> 20} MB are free on the disk of {folder}: make room, or name another"
            " --store"
        )

"""Opens a store by its address: a folder of this machine, or ClickHouse on one or more servers.

One process owns an embedded store at a time; a store on servers has any number of users.
"""

import fcntl
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from urllib.parse import unquote, urlsplit

import platformdirs

from db.engine import Engine
from db.engine.address import is_clickhouse, parse_address
from db.errors import StoreBusyError, StoreError, UsageError
from db.schema.migrate import migrate
from db.words.homes.home import Home


@dataclass(frozen=True)
class Store:
    """An open store."""

    url: str
    """Its address, without the password."""
    folder: Path
    """Where on this machine what lies beside the engine has its place."""
    engine: Engine
    owned: bool = True
    """Whether nobody else can have it open."""
    words: Home | None = None
    """Where words that are written get their home; None: in the engine, beside their headers."""


def store_folder(url: str) -> Path:
    """Return the folder of an embedded store's address, ``chdb:///path`` or a plain path.

    Raises UsageError for an address that this version can't open.
    """
    parts = urlsplit(url)
    if parts.scheme == "":
        return Path(url).expanduser().absolute()
    if parts.scheme != "chdb":
        raise UsageError(
            f"can't open {url}: the address of a store is a folder, chdb:///a/folder, or"
            " clickhouse://user:password@host:9000/database"
        )
    if parts.netloc:
        raise UsageError(
            f"can't open {url}: write three slashes, chdb:///{parts.netloc}{parts.path}"
        )
    return Path(unquote(parts.path))


def redacted(url: str) -> str:
    """Return an address as it may be shown: the folder, or the servers without the password."""
    return str(parse_address(url)) if is_clickhouse(url) else str(store_folder(url))


@contextmanager
def open_store(url: str, *, allow_missing_shards: bool = False) -> Iterator[Store]:
    """Open the store at ``url`` and close it at the end; an embedded one is created if need be.

    With ``allow_missing_shards`` a store is opened though shards of it are away, unless all are.

    Raises StoreBusyError when another process has it open, StoreError when it can't be reached or
    written, when servers lack its tables, or when it is of a newer schema.
    """
    if is_clickhouse(url):
        yield from _on_servers(url, allow_missing_shards=allow_missing_shards)
    else:
        yield from _embedded(url)


def _on_servers(url: str, *, allow_missing_shards: bool) -> Iterator[Store]:
    from db.engine.server import connect
    from db.servers.schema import check_schema

    address = parse_address(url)
    named = str(address).encode()
    folder = platformdirs.user_data_path("everyhit") / blake2b(named, digest_size=8).hexdigest()
    folder.mkdir(0o700, parents=True, exist_ok=True)
    engine = connect(address)
    try:
        check_schema(engine, allow_missing_shards=allow_missing_shards)
        yield Store(str(address), folder, engine, owned=False)
    finally:
        engine.close()


def _embedded(url: str) -> Iterator[Store]:
    from db.engine.chdb import ChdbEngine

    folder = store_folder(url)
    try:
        folder.mkdir(0o700, parents=True, exist_ok=True)
        inside = folder / "engine"
        inside.mkdir(exist_ok=True)
        inside.chmod(0o700)  # whoever else could read its files would need no token
        lock = (folder / "lock").open("a+")
    except OSError as fault:
        at = fault.filename or folder
        raise StoreError(f"can't create a store in {at}: {fault.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            owner = lock.read().strip() or "another process"
            raise StoreBusyError(
                f"the store {folder} is in use by {owner}; stop it, or name another --store"
            ) from None
        _enough_room(folder)
        lock.truncate(0)
        lock.write(f"process {os.getpid()} ({' '.join(sys.argv)[:120]})")
        lock.flush()
        engine = ChdbEngine(inside)
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

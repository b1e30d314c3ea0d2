"""Homes by their addresses, each opened once in a process."""

import os
from functools import lru_cache
from weakref import WeakKeyDictionary

from db.engine import Engine
from db.errors import StoreError
from db.words.homes.address import redacted_home, whole_address
from db.words.homes.home import Home

_births: WeakKeyDictionary[Engine, str] = WeakKeyDictionary()


def home_at(engine: Engine, address: str) -> Home:
    """Return the home of a store's payloads at an address; StoreError where it can't be opened.

    What was made known of the address, a password say, is used. Stores share no payload, though
    they may share a home: each has names of its own there.
    """
    return _open(whole_address(redacted_home(address)), store_name(engine), os.getpid())


def store_name(engine: Engine) -> str:
    """Return a name by which stores are told apart, wherever they move: when it was made."""
    if engine not in _births:
        made = engine.shards[0].here.fetch(
            "SELECT toUnixTimestamp64Milli(min(applied_at)) AS at FROM schema_versions"
        )
        _births[engine] = f"{int(made['at'][0].as_py()):x}"
    return _births[engine]


@lru_cache(maxsize=16)
def _open(url: str, store: str, process: int) -> Home:
    """Return a new home; a forked process opens its own."""
    try:
        if url.startswith("s3:"):
            from db.words.homes.s3 import S3Home

            return S3Home(url, store)
        from db.words.homes.mongodb import MongoHome

        return MongoHome(url, store)
    except ModuleNotFoundError as fault:
        kind = "s3" if url.startswith("s3:") else "mongodb"
        raise StoreError(
            f"{redacted_home(url)} needs {fault.name}: pip install 'everyhit[{kind}]'"
        ) from None

"""A MongoDB database in which documents are kept: collections events, candidates and runs."""

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any

import polars as pl
from pymongo import ASCENDING, DeleteMany, MongoClient, ReplaceOne

from db.engine import Engine
from db.errors import UsageError
from db.publication.documents import Document
from db.publication.windows import WINDOWS
from db.words.homes.address import redacted_home, whole_address
from db.words.homes.mongodb_client import mongodb_faults, new_client, shard
from db.words.homes.opening import store_name

EVENTS, CANDIDATES = "events", "candidates"
_KEY = ("run", "window", "store", "trigger", "lineage", "attempt")
_AT_ONCE, _DOCUMENTS_AT_ONCE = 1000, 200


@dataclass(frozen=True)
class Target:
    """A database, for the results of one store. All that is asked of it may raise StoreError."""

    address: str
    """Without a password."""
    store: str
    """Name of the store, which documents carry: several may share a database."""
    client: MongoClient[Document]

    def collection(self, kind: str) -> Any:
        """Return a collection, with its index and shard key."""
        return _made(self.client, kind)


def target_at(engine: Engine, address: str) -> Target:
    """Return the database at an address, for the results of a store; asks nothing yet.

    Raises UsageError for what is no address of a MongoDB database.
    """
    name = redacted_home(address)
    if not name.startswith("mongodb"):
        raise UsageError(f"{name}: documents go to mongodb://user:password@host/database")
    return Target(name, store_name(engine), _client(whole_address(name), os.getpid()))


@lru_cache(maxsize=64)
def _made(client: MongoClient[Document], kind: str) -> Any:
    database = client.get_default_database()
    collection = database[kind]
    if kind in (EVENTS, CANDIDATES):
        collection.create_index([(name, ASCENDING) for name in _KEY], name="window")
        shard(client, database.name, kind, {"run": 1, "window": 1})
    return collection


@lru_cache(maxsize=16)
def _client(url: str, process: int) -> MongoClient[Document]:
    with mongodb_faults(redacted_home(url)):
        return new_client(url)


def check(target: Target) -> None:
    """Make sure that documents can be kept there; HomeAwayError where nobody answers."""
    with mongodb_faults(target.address):
        for kind in (EVENTS, CANDIDATES):
            target.collection(kind)


def windows_in(
    target: Target, kind: str, run_id: int, trigger: str, cells: Collection[int] | None = None
) -> pl.DataFrame:
    """Return how many documents each window has of which attempt (``WINDOWS``)."""
    which: Document = {"run": run_id, "store": target.store, "trigger": trigger}
    if cells is not None:
        which["window"] = {"$in": list(cells)}
    key = {name: f"${name}" for name in ("window", "lineage", "attempt")}
    counted = [{"$match": which}, {"$group": {"_id": key, "n": {"$sum": 1}}}]
    with mongodb_faults(target.address):
        found = [
            {**each["_id"], "n": each["n"]} for each in target.collection(kind).aggregate(counted)
        ]
    return pl.DataFrame(found, schema=WINDOWS)


def put(target: Target, kind: str, documents: Iterator[Document]) -> int:
    """Keep documents, each in the place of the one with its id, and return how many.

    Done twice, it is done once.
    """
    n = 0
    with mongodb_faults(target.address):
        collection = target.collection(kind)
        while block := list(islice(documents, _DOCUMENTS_AT_ONCE)):
            collection.bulk_write(
                [
                    ReplaceOne({name: each[name] for name in ("_id", "run", "window")}, each, True)
                    for each in block
                ],
                ordered=False,
            )
            n += len(block)
    return n


def remove_others(
    target: Target, kind: str, run_id: int, trigger: str, standing: pl.DataFrame
) -> int:
    """Remove documents of windows that are of no attempt that stands there; return how many.

    ``standing`` has the columns window and attempt; a window without an attempt loses all.
    """
    which = {"run": run_id, "store": target.store, "trigger": trigger}
    gone = [
        DeleteMany(
            {**which, "window": window, **({"attempt": {"$ne": attempt}} if attempt else {})}
        )
        for window, attempt in standing.select("window", "attempt").iter_rows()
    ]
    n = 0
    with mongodb_faults(target.address):
        for k in range(0, len(gone), _AT_ONCE):
            done = target.collection(kind).bulk_write(gone[k : k + _AT_ONCE], ordered=False)
            n += done.deleted_count
    return n

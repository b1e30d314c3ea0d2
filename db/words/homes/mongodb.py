"""Words in MongoDB: one document a chunk, a collection for each hour in which words were recorded.

Collections by hour can be dropped as a whole; documents are never deleted one by one, but those
that no header names.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any

from bson import Binary
from pymongo import MongoClient, ReplaceOne
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConfigurationError,
    InvalidURI,
    OperationFailure,
    PyMongoError,
)

from db.detector.words import Words
from db.errors import StoreError
from db.words.homes.address import redacted_home
from db.words.homes.home import HomeAwayError, Payload, check_words, missing
from db.words.homes.packing import pack, unpack

_AT_ONCE = 32 << 20
"""Bytes of payloads that are sent in one command; a server takes 48 MB."""
_REFUSED, _NOT_ALLOWED = 18, 13

Document = dict[str, Any]


class MongoHome:
    """A database, its collections named after the store and the hour."""

    def __init__(self, url: str, store: str) -> None:
        self.address = redacted_home(url)
        self._store = store
        self._made: set[int] = set()
        with self._faults():
            self._client: MongoClient[Document] = MongoClient(
                url,
                appname="everyhit",
                w="majority",
                journal=True,
                retryWrites=True,
                connectTimeoutMS=3000,
                serverSelectionTimeoutMS=5000,
                timeoutMS=30_000,
            )
            self._database = self._client.get_default_database()

    def check(self) -> None:
        """Make sure that documents can be kept there."""
        with self._faults():
            which = {"_id": self._store}
            self._database["stores"].replace_one(which, which, upsert=True)

    def put(self, payloads: Sequence[Payload], words: Sequence[Words]) -> None:
        """Keep the words of each payload, a document each."""
        order = sorted(range(len(payloads)), key=lambda k: payloads[k].hour)
        with self._faults():
            for hour, group in groupby(order, key=lambda k: payloads[k].hour):
                collection = self._collection(hour)
                block: list[ReplaceOne[Document]] = []
                size = 0
                for k in group:
                    document = _document(payloads[k], words[k])
                    # With the shard key in the filter: a mongos sends it to one shard.
                    which = {name: document[name] for name in ("_id", "run", "slice")}
                    block.append(ReplaceOne(which, document, upsert=True))
                    size += len(document["words"])
                    if size > _AT_ONCE:
                        collection.bulk_write(block, ordered=False)
                        block, size = [], 0
                if block:
                    collection.bulk_write(block, ordered=False)

    def get(self, payloads: Sequence[Payload]) -> list[Words]:
        """Return the words of each payload; of each hour and run in one question."""
        found: dict[str, bytes] = {}
        order = sorted(payloads, key=lambda each: (each.hour, each.run_id))
        with self._faults():
            for (hour, run), group in groupby(order, key=lambda each: (each.hour, each.run_id)):
                here = list(group)
                slices = {each.slice for each in here}
                which = {
                    "run": run,
                    "slice": {"$gte": min(slices), "$lte": max(slices)},
                    "_id": {"$in": [_id(each) for each in here]},
                }
                documents = self._database[self._name(hour)].find(which, {"words": 1})
                found |= {each["_id"]: each["words"] for each in documents}
        if lost := [each for each in payloads if _id(each) not in found]:
            raise missing(lost, self.address)
        return [check_words(each, unpack(found[_id(each)]), self.address) for each in payloads]

    def hours(self) -> list[int]:
        """Return the hours of which anything is there, in order."""
        with self._faults():
            names = self._database.list_collection_names()
        found = (re.fullmatch(rf"words_{self._store}_(\d+)", name) for name in names)
        return sorted(int(match[1]) for match in found if match)

    def stored(self, hour: int) -> list[Payload]:
        """Return what is there of an hour, in no order."""
        with self._faults():
            documents = list(self._database[self._name(hour)].find({}, {"words": 0}))
        names = ("link", "seq", "slice", "n_hits", "checksum")
        return [
            Payload(run_id=each["run"], hour=hour, **{name: each[name] for name in names})
            for each in documents
        ]

    def remove(self, hour: int) -> None:
        """Drop the collection of an hour."""
        with self._faults():
            self._database.drop_collection(self._name(hour))
        self._made.discard(hour)

    def discard(self, payloads: Sequence[Payload]) -> int:
        """Remove the documents of payloads."""
        gone = 0
        order = sorted(payloads, key=lambda each: each.hour)
        with self._faults():
            for hour, group in groupby(order, key=lambda each: each.hour):
                which = {"_id": {"$in": [_id(each) for each in group]}}
                gone += self._database[self._name(hour)].delete_many(which).deleted_count
        return gone

    def _name(self, hour: int) -> str:
        return f"words_{self._store}_{hour}"

    def _collection(self, hour: int) -> Any:
        collection = self._database[self._name(hour)]
        if hour not in self._made:
            index = [("run", 1), ("slice", 1), ("link", 1), ("seq", 1)]
            collection.create_index(index, name="range")
            if self._client.is_mongos:
                name = f"{self._database.name}.{collection.name}"
                key = {"run": 1, "slice": 1}
                self._client.admin.command("shardCollection", name, key=key)
            self._made.add(hour)
        return collection

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except (InvalidURI, ConfigurationError) as fault:
            raise StoreError(f"{self.address}: its address is wrong: {fault}") from None
        except (OperationFailure, BulkWriteError) as fault:
            raise StoreError(self._refused(fault)) from None
        except AutoReconnect as fault:
            raise self._away(str(fault)) from None
        except PyMongoError as fault:
            raise StoreError(f"{self.address}: {_line(str(fault))}") from None

    def _refused(self, fault: OperationFailure) -> str:
        if fault.code == _REFUSED:
            return (
                f"{self.address} does not let us in: the name or the password in its address is"
                " wrong, or the users are kept elsewhere (?authSource=admin)"
            )
        if fault.code == _NOT_ALLOWED:
            return (
                f"{self.address}: this user may not read and write in the database"
                f" {self._database.name}: give it the role readWrite there, or name another one"
            )
        return f"{self.address}: {_line(str(fault))}"

    def _away(self, said: str) -> StoreError:
        if "certificate" in said.lower():
            return StoreError(f"{self.address}: its certificate is not good: {_line(said)}")
        if "SSL" in said or "TLS" in said:
            return StoreError(f"{self.address} does not speak TLS as we do: mend ?tls=")
        return HomeAwayError(
            f"{self.address} does not answer: start it, or mend its address ({_line(said)})"
        )


def _document(payload: Payload, words: Words) -> Document:
    return {
        "_id": _id(payload),
        "run": payload.run_id,
        "slice": payload.slice,
        "link": payload.link,
        "seq": payload.seq,
        "n_hits": payload.n_hits,
        "checksum": payload.checksum,
        "words": Binary(pack(words)),
    }


def _id(payload: Payload) -> str:
    return f"{payload.run_id}.{payload.link}.{payload.seq}.{payload.checksum:08x}"


def _line(said: str) -> str:
    first = said.partition(", full error")[0].partition(", Timeout:")[0]
    return " ".join(first.split())[:200]

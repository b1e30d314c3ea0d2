"""Words in MongoDB: one document a chunk, a collection for each hour in which words were recorded.

Collections by hour can be dropped as a whole; documents are never deleted one by one, but those
that no header names.
"""

import re
import secrets
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from bson import Binary
from pymongo import ReplaceOne
from pymongo.errors import BulkWriteError

from db.detector.words import Words
from db.words.homes.address import redacted_home
from db.words.homes.home import Payload, check_words, missing
from db.words.homes.mongodb_async import Find, find_on_loop
from db.words.homes.mongodb_client import Document, mongodb_faults, new_client, shard
from db.words.homes.packing import pack, unpack

_AT_ONCE = 32 << 20
"""Bytes of payloads that are sent in one command; a server takes 48 MB."""
_IDS_AT_ONCE = 10_000
_DOCUMENTS_AT_ONCE = 32
_IS_THERE = 11000


class MongoHome:
    """A database, its collections named after the store and the hour."""

    def __init__(self, url: str, store: str) -> None:
        self.address = redacted_home(url)
        self._url, self._store = url, store
        self._made: set[int] = set()
        with mongodb_faults(self.address):
            self._client = new_client(url)
            self._database = self._client.get_default_database()

    def check(self) -> None:
        """Make sure that documents can be kept there."""
        with mongodb_faults(self.address):
            which = {"_id": self._store}
            self._database["stores"].replace_one(which, which, upsert=True)

    def put(self, payloads: Sequence[Payload], words: Sequence[Words]) -> None:
        """Keep the words of each payload, a document each."""
        order = sorted(range(len(payloads)), key=lambda k: payloads[k].hour)
        with mongodb_faults(self.address):
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
        order = sorted(payloads, key=lambda each: (each.hour, each.run_id))
        finds = []
        for (hour, run), group in groupby(order, key=lambda each: (each.hour, each.run_id)):
            here = list(group)
            slices = {each.slice for each in here}
            which = {
                "run": run,
                "slice": {"$gte": min(slices), "$lte": max(slices)},
                "_id": {"$in": [_id(each) for each in here]},
            }
            finds.append(Find(self._name(hour), which, {"words": 1}))
        with mongodb_faults(self.address):
            answers = (find_on_loop(self._url) or self._find)(finds)
            found = {each["_id"]: each["words"] for answer in answers for each in answer}
        if lost := [each for each in payloads if _id(each) not in found]:
            raise missing(lost, self.address)
        return [check_words(each, unpack(found[_id(each)]), self.address) for each in payloads]

    def _find(self, finds: Sequence[Find]) -> Iterator[Iterable[Document]]:
        for each in finds:
            yield self._database[each.collection].find(each.where, each.fields)

    def counts(self) -> dict[int, int]:
        """Return how many documents are there of each hour, after the engine's own count.

        What a killed process was about to drop is put back first.
        """
        with mongodb_faults(self.address):
            names = self._database.list_collection_names()
            for match in filter(None, (self._pattern("going").match(name) for name in names)):
                self._put_back(match[0], int(match[1]))
            return {
                int(match[1]): self._database[match[0]].estimated_document_count()
                for match in filter(None, (self._pattern("words").match(name) for name in names))
            }

    def stored(self, hour: int) -> dict[Payload, datetime]:
        """Return what is there of an hour, and when it was put last."""
        names = ("link", "seq", "slice", "n_hits", "checksum")
        with mongodb_faults(self.address):
            documents = self._database[self._name(hour)].find({}, {"words": 0})
            return {
                Payload(
                    run_id=each["run"], hour=hour, **{name: each[name] for name in names}
                ): each["put_at"]
                for each in documents
            }

    def discard(
        self, hour: int, payloads: Sequence[Payload], before: datetime
    ) -> Sequence[Payload]:
        """Remove the documents of payloads; where they are all of the hour, drop its collection."""
        ids = {_id(each): each for each in payloads}
        collection = self._database[self._name(hour)]
        with mongodb_faults(self.address):
            if 0 < collection.count_documents({}) <= len(ids):
                stay = self._drop(hour, ids.keys(), before)
                return [each for name, each in ids.items() if name not in stay]
            names = list(ids)
            for k in range(0, len(names), _IDS_AT_ONCE):
                which = {"_id": {"$in": names[k : k + _IDS_AT_ONCE]}}
                collection.delete_many({**which, "put_at": {"$lt": before}})
                for left in collection.find(which, {"_id": 1}):
                    del ids[left["_id"]]
        return list(ids.values())

    def _drop(self, hour: int, unwanted: Collection[str], before: datetime) -> set[str]:
        """Drop an hour's collection, but for what is wanted in it; return the ids of that.

        It gets another name first, at one stroke: whatever is put from then on lies in a new one.
        """
        going = f"going_{self._store}_{hour}_{secrets.token_hex(4)}"
        self._made.discard(hour)
        self._database[self._name(hour)].rename(going)
        stay = {
            each["_id"]
            for each in self._database[going].find({}, {"put_at": 1})
            if each["_id"] not in unwanted or each["put_at"] >= before
        }
        self._put_back(going, hour, stay)
        return stay

    def _put_back(self, going: str, hour: int, stay: Collection[str] | None = None) -> None:
        """Put documents back into an hour's collection, all or some, and drop the other one."""
        if stay is None:
            stay = {each["_id"] for each in self._database[going].find({}, {"_id": 1})}
        names = list(stay)
        for k in range(0, len(names), _DOCUMENTS_AT_ONCE):
            which = {"_id": {"$in": names[k : k + _DOCUMENTS_AT_ONCE]}}
            documents = list(self._database[going].find(which))
            try:
                self._collection(hour).insert_many(documents, ordered=False)
            except BulkWriteError as fault:
                # What has been put there since is the same, and younger.
                if any(each["code"] != _IS_THERE for each in fault.details["writeErrors"]):
                    raise
        self._database.drop_collection(going)

    def _pattern(self, kind: str) -> "re.Pattern[str]":
        return re.compile(rf"{kind}_{self._store}_(\d+)(_[0-9a-f]+)?$")

    def _name(self, hour: int) -> str:
        return f"words_{self._store}_{hour}"

    def _collection(self, hour: int) -> Any:
        collection = self._database[self._name(hour)]
        if hour not in self._made:
            index = [("run", 1), ("slice", 1), ("link", 1), ("seq", 1)]
            collection.create_index(index, name="range")
            key = {"run": 1, "slice": 1}
            shard(self._client, self._database.name, collection.name, key)
            self._made.add(hour)
        return collection


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
        "put_at": datetime.now(UTC),
    }


def _id(payload: Payload) -> str:
    return f"{payload.run_id}.{payload.link}.{payload.seq}.{payload.checksum:08x}"

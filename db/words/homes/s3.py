"""Words in an object store: objects of many chunks, an index object beside each.

``<prefix>/<store>/<hour>/<run>/<first slice>_<last slice>_<chunks>_<day>_<digest>.words`` holds
payloads one after the other; the object of the same name that ends in ``.index``, written after it,
says where each begins. A name comes from what is inside, so that objects never change, and from the
day: what is put twice on a day is the same object, and an object of a day that has passed is never
put again, so that removing it can't meet whoever puts it.
"""

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from itertools import groupby
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import obstore
import pyarrow as pa
from obstore.exceptions import BaseError
from obstore.store import S3Store

from db.detector.words import Words
from db.errors import StoreError
from db.words.homes.address import redacted_home
from db.words.homes.home import HomeAwayError, Payload, check_words, missing
from db.words.homes.packing import pack, unpack

_NAME = re.compile(
    r"(?P<stem>(?P<hour>\d+)/(?P<run>\d+)/(?P<a>-?\d+)_(?P<b>-?\d+)_(?P<n>\d+)_(?P<day>\d+)_\w+)"
    r"\.(?P<kind>words|index)$"
)
_PART_BYTES = 8 << 20
_TIMEOUT_S = 20
_DAY_S = 86400

Place = tuple[str, int, int]
"""An object, and where in it a payload begins and how many bytes it takes."""
Key = tuple[int, int, int, int]
"""Run, link, number and checksum of a chunk."""


class S3Home:
    """A bucket, or a part of it."""

    def __init__(self, url: str, store: str) -> None:
        self.address = redacted_home(url)
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query))
        given: dict[str, Any] = {}
        if parts.username:
            given = {
                "access_key_id": unquote(parts.username),
                "secret_access_key": unquote(parts.password or ""),
            }
        if endpoint := options.get("endpoint"):
            given["endpoint"] = endpoint
        given["region"] = options.get("region", "us-east-1")
        prefix = "/".join(piece for piece in (parts.path.strip("/"), store) if piece)
        self._bucket = parts.netloc.rpartition("@")[2]
        with self._faults():
            self._at = S3Store(
                self._bucket,
                prefix=prefix,
                client_options={
                    "allow_http": True,
                    "connect_timeout": timedelta(seconds=3),
                    "timeout": timedelta(seconds=_TIMEOUT_S),
                },
                retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=_TIMEOUT_S)},
                **given,
            )
        self._index = lru_cache(maxsize=256)(self._read_index)

    def check(self) -> None:
        """Make sure that objects can be kept there."""
        with self._faults():
            obstore.put(self._at, "store", b"words of an everyhit store")

    def put(self, payloads: Sequence[Payload], words: Sequence[Words]) -> None:
        """Keep the words of each payload: one object for each hour and run among them."""
        order = sorted(
            range(len(payloads)), key=lambda k: (payloads[k].hour, payloads[k].run_id, k)
        )
        for (hour, run), group in groupby(
            order, key=lambda k: (payloads[k].hour, payloads[k].run_id)
        ):
            which = list(group)
            self._put(hour, run, [payloads[k] for k in which], [words[k] for k in which])

    def _put(
        self, hour: int, run: int, payloads: Sequence[Payload], words: Sequence[Words]
    ) -> None:
        packed = [pack(each) for each in words]
        names = " ".join(f"{each.link}.{each.seq}.{each.checksum}" for each in payloads)
        digest = blake2b(names.encode(), digest_size=8).hexdigest()
        slices = [each.slice for each in payloads]
        day = int(time.time()) // _DAY_S
        stem = f"{hour}/{run}/{min(slices)}_{max(slices)}_{len(payloads)}_{day}_{digest}"
        offsets = [0]
        for each in packed:
            offsets.append(offsets[-1] + len(each))
        table = pa.table(
            {
                "link": [each.link for each in payloads],
                "seq": pa.array([each.seq for each in payloads], pa.uint64()),
                "slice": slices,
                "n_hits": [each.n_hits for each in payloads],
                "checksum": [each.checksum for each in payloads],
                "offset": offsets[:-1],
                "bytes": [len(each) for each in packed],
            }
        )
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        with self._faults():
            obstore.put(self._at, f"{stem}.words", b"".join(packed), chunk_size=_PART_BYTES)
            obstore.put(self._at, f"{stem}.index", sink.getvalue().to_pybytes())

    def get(self, payloads: Sequence[Payload]) -> list[Words]:
        """Return the words of each payload; of an object only the bytes that they take."""
        places = self._places(payloads)
        if lost := [each for each in payloads if _key(each) not in places]:
            raise missing(lost, self.address)
        wanted = sorted({places[_key(each)] for each in payloads})
        found: dict[Place, memoryview] = {}
        with self._faults():
            for stem, group in groupby(wanted, key=lambda place: place[0]):
                here = list(group)
                ranges = obstore.get_ranges(
                    self._at,
                    f"{stem}.words",
                    starts=[start for _, start, _ in here],
                    lengths=[length for _, _, length in here],
                )
                found |= {
                    place: memoryview(piece)  # type: ignore[arg-type,unused-ignore]
                    for place, piece in zip(here, ranges, strict=True)
                }
        return [
            check_words(each, unpack(found[places[_key(each)]]), self.address) for each in payloads
        ]

    def counts(self) -> dict[int, int]:
        """Return how many payloads are there of each hour, as names of objects tell."""
        found: dict[int, int] = {}
        for match in self._matches(None):
            if match["kind"] == "words":
                hour = int(match["hour"])
                found[hour] = found.get(hour, 0) + int(match["n"])
        return found

    def stored(self, hour: int) -> dict[Payload, datetime]:
        """Return what is there of an hour, and the end of the day on which it was put."""
        found: dict[Payload, datetime] = {}
        for match in self._matches(f"{hour}"):
            if match["kind"] == "index":
                for (run, link, seq, checksum), (_, each) in self._index(match[0]).items():
                    payload = Payload(run, link, seq, each["slice"], hour, each["n_hits"], checksum)
                    found[payload] = max(_end(match), found.get(payload, _end(match)))
        return found

    def discard(
        self, hour: int, payloads: Sequence[Payload], before: datetime
    ) -> Sequence[Payload]:
        """Remove the objects in which nothing else lies than these payloads, and torn ones."""
        unwanted = {_key(each): each for each in payloads}
        old = [match for match in self._matches(f"{hour}") if _end(match) <= before]
        whole = {match["stem"] for match in old if match["kind"] == "index"}
        gone: dict[Key, Payload] = {}
        for match in old:
            if match["kind"] == "index":
                inside = self._index(match[0]).keys()
                if inside <= unwanted.keys():
                    # The index first: what it names is never gone.
                    self._delete(match[0])
                    self._delete(f"{match['stem']}.words")
                    gone |= {key: unwanted[key] for key in inside}
            elif match["stem"] not in whole:
                self._delete(match[0])
        return list(gone.values())

    def _delete(self, name: str) -> None:
        with self._faults():
            obstore.delete(self._at, name)

    def _places(self, payloads: Sequence[Payload]) -> dict[Key, Place]:
        found: dict[Key, Place] = {}
        for folder, group in groupby(
            sorted(payloads, key=lambda each: (each.hour, each.run_id)),
            key=lambda each: f"{each.hour}/{each.run_id}",
        ):
            slices = {each.slice for each in group}
            a, b = min(slices), max(slices)
            for match in self._matches(folder):
                if match["kind"] == "index" and int(match["a"]) <= b and int(match["b"]) >= a:
                    found |= {key: place for key, (place, _) in self._index(match[0]).items()}
        return found

    def _matches(self, folder: str | None) -> "list[re.Match[str]]":
        """Return the names of the objects in a folder, taken apart."""
        with self._faults():
            names = [each["path"] for page in obstore.list(self._at, folder) for each in page]
        return [match for name in names if (match := _NAME.match(name))]

    def _read_index(self, name: str) -> Mapping[Key, tuple[Place, dict[str, Any]]]:
        match = _NAME.match(name)
        assert match
        with self._faults():
            content = obstore.get(self._at, name).bytes()
        rows = pa.ipc.open_file(pa.py_buffer(content)).read_all().to_pylist()
        return {
            (int(match["run"]), row["link"], row["seq"], row["checksum"]): (
                (match["stem"], row["offset"], row["bytes"]),
                row,
            )
            for row in rows
        }

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except (BaseError, FileNotFoundError, PermissionError, OSError) as fault:
            said = str(fault)
            if "error sending request" in said or "timed out" in said:
                raise HomeAwayError(
                    f"{self.address} does not answer: start it, or mend the address of its endpoint"
                ) from None
            raise StoreError(self._line(said)) from None

    def _line(self, said: str) -> str:
        for code, advice in _ADVICE.items():
            if code in said:
                return f"{self.address}: {advice.format(bucket=self._bucket)}"
        return f"{self.address}: {' '.join(said.partition('Debug source')[0].split())[:300]}"


def _key(payload: Payload) -> Key:
    return payload.run_id, payload.link, payload.seq, payload.checksum


def _end(match: "re.Match[str]") -> datetime:
    """Return the end of the day on which an object was put."""
    return datetime.fromtimestamp((int(match["day"]) + 1) * _DAY_S, UTC)


_KEYS = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or s3://key:secret@bucket in EVERYHIT_HOMES"
_ADVICE = {
    "SignatureDoesNotMatch": f"the secret key is wrong: mend {_KEYS}",
    "InvalidAccessKeyId": f"the access key is not known there: mend {_KEYS}",
    "NoSuchBucket": "there is no bucket {bucket}: make it, or mend the address",
    "AccessDenied": f"access is denied: give {_KEYS}, with the right to list, read and write",
    "169.254.169.254": f"no keys are given: set {_KEYS}",
    "NoSuchKey": "an object with words is gone: somebody removed it",
}

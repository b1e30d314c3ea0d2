"""What a home of payloads can do. A payload is the words of one chunk."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from db.detector.words import Words
from db.errors import StoreError

SAFE_AGE = timedelta(days=1)
"""A payload that was put longer ago, and has no header, gets none any more."""


@dataclass(frozen=True)
class Payload:
    """The words of a chunk by name: what its header knows of them."""

    run_id: int
    link: int
    seq: int
    slice: int
    """Number of the time slice in which they lie."""
    hour: int
    """In which they were recorded, counted since 1970: the bucket in which they are removed."""
    n_hits: int
    checksum: int
    """CRC32 of the words as little-endian bytes."""

    def __str__(self) -> str:
        return f"chunk {self.seq} of link {self.link} in run {self.run_id}"


class HomeAwayError(StoreError):
    """A home does not answer: it may come back, and what is written waits for it."""


class Home(Protocol):
    """Keeps payloads of one store. All methods raise StoreError, in one line, when it fails."""

    address: str
    """Without a password, as headers name it."""

    def check(self) -> None:
        """Make sure that words can be kept there; HomeAwayError where nobody answers."""

    def put(self, payloads: Sequence[Payload], words: Sequence[Words]) -> None:
        """Keep the words of each payload; on return they are safe. Done twice, it is done once."""

    def get(self, payloads: Sequence[Payload]) -> list[Words]:
        """Return the words of each payload, in that order, checked.

        Raises StoreError where one is not there, or is not what was written.
        """

    def counts(self) -> dict[int, int]:
        """Return how many payloads are there of each hour, without a look at each of them."""

    def stored(self, hour: int) -> dict[Payload, datetime]:
        """Return what is there of an hour, and a moment after which it was not put any more."""

    def discard(
        self, hour: int, payloads: Sequence[Payload], before: datetime
    ) -> Sequence[Payload]:
        """Remove payloads of an hour, which no header names, and return those that are gone.

        What was put at the moment ``before`` or later stays, also if it is put only now; and so
        does what can't be removed without others.
        """


def check_words(payload: Payload, words: Words, address: str) -> Words:
    """Return the words of a payload; StoreError if they are not those that were written."""
    if zlib.crc32(words.data) != payload.checksum:
        raise StoreError(
            f"{address} has other words of {payload} than were written there: bring back a copy"
        )
    return words


def missing(payloads: Sequence[Payload], address: str) -> StoreError:
    """Return the error to raise for payloads that a home should have and has not."""
    more = f" and {len(payloads) - 1} more" if len(payloads) > 1 else ""
    return StoreError(
        f"{address} lacks the words of {payloads[0]}{more}: somebody removed them, or the address"
        " leads elsewhere now"
    )

"""From batches to shards: every part is stored once, whatever becomes of the shards meanwhile."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

import structlog
from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_random_exponential

from db.errors import StoreError
from db.words.chunk import Chunk
from db.words.gaps import Gap
from readout.spool.spool import NoRoomError, Spool, Waiting
from readout.writer.batch import Batch, Part
from readout.writer.queue import Delivery, DeliveryQueue

_log = structlog.get_logger()
_SAY_AGAIN_S = 10.0

Write = Callable[[int, Sequence[Chunk], datetime, bool], None]
"""Stores chunks on a shard as one block, once, however often it is tried; or raises StoreError.
The last argument says whether it may have been tried before."""
Book = Callable[[int, Sequence[Gap], str, bool], None]
"""Records gaps on a shard, once for each token, told likewise; or raises StoreError."""

Holds = Callable[[int, Part], bool]
"""Whether a shard has a part already: asked about what another process may have sent, so long ago
that the insert would no longer be recognised."""


@dataclass
class Written:
    """What a writer has done so far."""

    chunks: int = 0
    hits: int = 0
    corrupt: int = 0
    suspect: int = 0
    retries: int = 0
    insert_s: float = 0.0
    """Seconds that the last insert took."""
    trouble: str = ""
    """What the store last complained of; empty when all is well."""


class Writer:
    """Stores batches, ``at_once`` threads for each shard, and retries until each part is settled.

    A part goes to its home shard. One that may have reached a shard, though the shard said nothing
    or an error, is sent to that shard again and again, since the insert is recognised there and
    nowhere else. What has not been tried goes to another shard as long as the home refuses, or is
    silent for ``patience_s``.

    With a spool, a batch is on the disk before any shard sees it, and ``put`` returns then; what
    exceeds ``most_words`` in memory is read again from there. While its disk is full, ``put``
    waits. What an earlier process left in the spool goes first. Without, ``put`` waits while so
    many words are on their way, and a part that no shard took for ``give_up_s`` seconds ends it:
    ``put`` and ``close`` raise StoreError that names what was not stored.
    """

    def __init__(
        self,
        write: Write,
        book: Book,
        *,
        n_shards: int = 1,
        at_once: int = 1,
        spool: Spool | None = None,
        most_words: int = 1 << 22,
        give_up_s: float = 60.0,
        patience_s: float = 5.0,
        holds: Holds = lambda shard, part: False,
        committed: Callable[[], None] = lambda: None,
    ) -> None:
        self.written = Written()
        self._write, self._book, self._spool, self._committed = write, book, spool, committed
        self._holds = holds
        self._most_words, self._give_up_s = most_words, give_up_s
        self._tasks = DeliveryQueue(n_shards, patience_s)
        self._change = self._tasks.change
        self._words = 0
        self._failure: Exception | None = None
        self._closing: float | None = None
        self._recover()
        self._threads = [
            threading.Thread(target=self._serve, args=(n,), name=f"writer {n}", daemon=True)
            for n in range(n_shards)
            for _ in range(at_once)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def words_in_memory(self) -> int:
        """Words that are on their way to a shard and held in memory."""
        return self._words

    @property
    def unsettled(self) -> int:
        """Parts that are not known to be stored."""
        return self._tasks.unsettled

    def put(self, batch: Batch) -> None:
        """Take a batch; waits for room. With a spool it is safe when this returns.

        Raises StoreError after giving up.
        """
        number = self._append(batch) if self._spool else None
        for index, part in enumerate(batch.parts):
            self._put(Delivery(batch.recorded_at, index, part.home, part, number), part)

    def settle(self, wait_s: float) -> bool:
        """Whether all that was put is stored, by now or within that time; StoreError as ``put``."""
        until = time.monotonic() + wait_s
        with self._change:
            while self._tasks.unsettled and not self._failure and time.monotonic() < until:
                self._change.wait(0.1)
            if self._failure:
                raise self._failure
            return not self._tasks.unsettled

    def close(self) -> None:
        """Store what waits, and stop; raises StoreError if anything could not be stored.

        With a spool what no shard takes within ``give_up_s`` seconds stays there, for the next
        process.
        """
        with self._change:
            self._closing = time.monotonic()
            self._change.notify_all()
        for thread in self._threads:
            left = self._closing + self._give_up_s + 1 - time.monotonic()
            thread.join(max(0.0, left) if self._spool else None)
        if self._failure:
            raise self._failure

    def _put(self, task: Delivery, part: Part) -> None:
        with self._change:
            if self._spool is None:
                self._change.wait_for(lambda: self._failure or self._has_room(part))
            if self._failure:
                raise self._failure
            if self._has_room(part):
                self._words += part.n_words
            else:
                task.part = None
            self._tasks.add(task)

    def _recover(self) -> None:
        if self._spool is None:
            return
        for each in self._spool.waiting():
            if each.tried is not None and each.tried >= len(self._tasks):
                raise StoreError(
                    f"the spool {self._spool.folder} has data for shard {each.tried}, and the store"
                    f" has {len(self._tasks)}: name the store that it was filled for"
                )
            at, home = self._spool.batch_of(each.number).recorded_at, each.home % len(self._tasks)
            ask = self._may_have(each)
            self._tasks.add(Delivery(at, each.index, home, None, each.number, each.tried, ask))

    def _may_have(self, part: Waiting) -> Sequence[int]:
        """The shards to which an earlier process may have sent a part."""
        # A power cut forgets that a single shard was tried: see _note_tried.
        if not part.sure or len(self._tasks) == 1:
            return range(len(self._tasks))
        return [] if part.tried is None else [part.tried]

    def _append(self, batch: Batch) -> int:
        assert self._spool
        n_words = sum(part.n_words for part in batch.parts)
        refused = said = 0.0
        while True:
            with self._change:
                if self._failure:
                    raise self._failure
                if not self._spool.has_room(n_words):
                    self._change.wait(0.1)
                    continue
            try:
                return self._spool.append(batch)
            except StoreError as fault:
                now = time.monotonic()
                refused = refused or now
                # Somebody may make room at any time; another fault of a disk stays.
                if now - refused > self._give_up_s and not isinstance(fault, NoRoomError):
                    raise
                if not said or now - said > _SAY_AGAIN_S:
                    said = now
                    _log.warning("the spool refused a batch, trying again", said=str(fault))
                self.written.trouble = str(fault)
                time.sleep(0.2)

    def _has_room(self, part: Part) -> bool:
        return not self._words or self._words + part.n_words <= self._most_words

    def _serve(self, shard: int) -> None:
        while task := self._tasks.next(shard, self._ended):
            try:
                self._settle(shard, task)
            except Exception as fault:  # whoever puts or closes gets it
                with self._change:
                    if not self._spool or not isinstance(fault, StoreError):
                        self._failure = self._failure or _named(fault, task)
                    self._change.notify_all()
                return

    def _ended(self) -> bool:
        settled = self._closing is not None and not self._tasks.unsettled
        return bool(self._failure or settled or self._given_up())

    def _settle(self, shard: int, task: Delivery) -> None:
        part = task.part or self._from_disk(task)
        if part is None:
            self._count(shard, task, Part())
            return
        for attempt in Retrying(
            retry=retry_if_exception_type(StoreError),
            wait=wait_random_exponential(multiplier=0.05, max=2.0),
            stop=self._stops(),
            sleep=self._sleep,
            before_sleep=lambda state: self._complain(shard, state),
            reraise=True,
        ):
            with attempt:
                tried = task.tried is not None or bool(task.ask)
                self._note_tried(shard, task)
                if not any(self._holds(other, part) for other in task.ask):
                    self._send(shard, part, task.recorded_at, tried)
                if self._spool and task.number is not None:
                    self._spool.note_stored(task.number, task.index)
        self._count(shard, task, part)
        self._committed()

    def _from_disk(self, task: Delivery) -> Part | None:
        assert self._spool and task.number is not None
        try:
            return self._spool.part(task.number, task.index)
        except StoreError as fault:
            self._spool.give_up(task.number, task.index, str(fault))
            return None

    def _note_tried(self, shard: int, task: Delivery) -> None:
        if task.tried is None:
            if self._spool and task.number is not None:
                # Only where there is a choice must a power cut not forget which was made.
                self._spool.note_tried(task.number, task.index, shard, sync=len(self._tasks) > 1)
            task.tried = shard

    def _send(self, shard: int, part: Part, at: datetime, tried: bool) -> None:
        if part.chunks:
            began = time.monotonic()
            self._write(shard, part.chunks, at, tried)
            self.written.insert_s = time.monotonic() - began
        if part.gaps:
            text = f"{at.isoformat()} {part.gaps}"
            self._book(shard, part.gaps, blake2b(text.encode(), digest_size=16).hexdigest(), tried)

    def _stops(self) -> Callable[[RetryCallState], bool]:
        began = time.monotonic()
        return lambda _: (
            self._given_up() or (self._spool is None and time.monotonic() - began > self._give_up_s)
        )

    def _given_up(self) -> bool:
        waited = self._closing and time.monotonic() - self._closing
        return self._spool is not None and waited is not None and waited > self._give_up_s

    def _sleep(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._given_up() and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.1))

    def _complain(self, shard: int, state: RetryCallState) -> None:
        said = str(state.outcome.exception()) if state.outcome else ""
        with self._change:
            self._tasks.refused(shard)
            self.written.retries += 1
            self.written.trouble = said
        _log.warning("the store refused a block, trying again", shard=shard, said=said)

    def _count(self, shard: int, task: Delivery, part: Part) -> None:
        with self._change:
            self._tasks.done(shard)
            if task.part is not None:
                self._words -= part.n_words
            if not self._tasks.refusing:
                self.written.trouble = ""
            self.written.chunks += len(part.chunks)
            self.written.hits += sum(chunk.n_hits for chunk in part.chunks)
            suspect = sum(chunk.n_suspect for chunk in part.chunks)
            self.written.corrupt += sum(chunk.n_corrupt for chunk in part.chunks) - suspect
            self.written.suspect += suspect


def _named(fault: Exception, task: Delivery) -> Exception:
    if not isinstance(fault, StoreError) or task.part is None or not task.part.chunks:
        return fault
    first = task.part.chunks[0]
    return StoreError(
        f"the store takes no more: {fault}; not stored from link {first.link}, chunk {first.seq}"
        " on: mend the store and ingest again"
    )

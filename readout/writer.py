import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_exponential_jitter

from db.chunk import Chunk
from db.errors import StoreError

_log = structlog.get_logger()

Write = Callable[[Sequence[Chunk], datetime], None]


@dataclass
class Written:
    """What a writer has done so far."""

    chunks: int = 0
    hits: int = 0
    corrupt: int = 0
    retries: int = 0
    trouble: str = ""
    """What the store last complained of; empty when all is well."""


class Writer:
    """Commits blocks of chunks, in order, from a bounded queue.

    A block that the store refuses is tried again until it is taken: the insert is recognised, so
    trying twice stores once. Meanwhile the queue fills and ``put`` blocks, which is the
    back-pressure on the source. ``give_up_s`` seconds without success end it: then ``put`` and
    ``close`` raise StoreError, and what was not stored is named.
    """

    def __init__(
        self,
        write: Write,
        *,
        most_blocks: int = 2,
        give_up_s: float = 60.0,
        committed: Callable[[], None] = lambda: None,
    ) -> None:
        self.written = Written()
        self._write = write
        self._give_up_s = give_up_s
        self._committed = committed
        self._queue: queue.Queue[tuple[list[Chunk], datetime] | None] = queue.Queue(most_blocks)
        self._failure: StoreError | None = None
        self._lost_hits = 0
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def put(self, chunks: Sequence[Chunk]) -> None:
        """Queue one block; waits while the queue is full. Raises StoreError after giving up."""
        if self._failure:
            raise self._failure
        if chunks:
            # Fixed here, for good: a retry must go to the same partition to be recognised.
            self._queue.put((list(chunks), datetime.now(UTC)))

    @property
    def waiting(self) -> int:
        """Blocks in the queue."""
        return self._queue.qsize()

    def close(self) -> None:
        """Commit what is queued and stop. Raises StoreError if anything could not be stored."""
        self._queue.put(None)
        self._thread.join()
        if self._failure:
            raise self._failure

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            chunks, recorded_at = item
            if self._failure:
                self._lost_hits += sum(c.n_hits for c in chunks)
                continue
            try:
                self._commit(chunks, recorded_at)
            except StoreError as fault:
                self._lost_hits += sum(c.n_hits for c in chunks)
                self._failure = StoreError(
                    f"the store takes no more: {fault}; not stored from link {chunks[0].link},"
                    f" chunk {chunks[0].seq} on: mend the store and ingest again"
                )

    def _commit(self, chunks: list[Chunk], recorded_at: datetime) -> None:
        deadline = time.monotonic() + self._give_up_s
        for attempt in Retrying(
            retry=retry_if_exception_type(StoreError),
            wait=wait_exponential_jitter(multiplier=0.05, max=5.0),
            stop=lambda _: time.monotonic() > deadline,
            before_sleep=self._complain,
            reraise=True,
        ):
            with attempt:
                self._write(chunks, recorded_at)
        self.written.trouble = ""
        self.written.chunks += len(chunks)
        self.written.hits += sum(c.n_hits for c in chunks)
        self.written.corrupt += sum(c.n_corrupt for c in chunks)
        self._committed()

    def _complain(self, state: RetryCallState) -> None:
        self.written.retries += 1
        self.written.trouble = str(state.outcome.exception()) if state.outcome else ""
        _log.warning("store refused a block, trying again", said=self.written.trouble)

"""One run's words, from blocks of any link to committed chunks."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Self

from db.catalogue.runs import Run
from db.engine import Engine
from db.errors import StoreError, UsageError
from db.words.chunk import Chunk
from db.words.gaps import Gap
from db.words.homes.home import Home
from db.words.shards import catalogue
from readout.control.booking import Booking
from readout.control.rules import Rules
from readout.control.schedule import Schedule
from readout.link.links import Links, reraise
from readout.link.unwrap import Anomaly
from readout.link.wraps import tell_of_wraps
from readout.source.block import Block, Place
from readout.spool.spool import Spool
from readout.writer.batch import BLOCK_WORDS, LARGE_BLOCK_WORDS, Batch, Counted, in_parts
from readout.writer.recovery import book_damage, check_spool, runs_of_spool
from readout.writer.shard_sink import ShardSink
from readout.writer.writer import Writer, Written

# An insert costs the store some 20 ms, however small it is: cuts come so rarely that it spends this
# share of the time on them, unless that would hold words back for too long.
_BUSY, _LONGEST_S = 0.1, 0.5
# Where triggers steer the run, more of it: until they act, what they would remove comes in.
_BUSY_STEERED = 0.4

# So many words after a loss tell where the clock has got to, even if one of them is wild.
_WORDS_TO_TELL = 8
_NONE: Mapping[int, int] = {}
_NO_RULES: Mapping[int, Rules] = {}

# So long words that may be suspect wait for those that tell.
_DOUBT_S = 5.0

# While the spool is full, what was lost is put there this rarely.
_FULL_FLUSH_S = 5.0


@dataclass
class Readout:
    """Cuts the words of all links of a run into chunks and commits them in batches.

    Words are held back for ``flush_s`` seconds, if ``beat`` is called that often, and for up to
    half a second where inserts take long. Use it as a context: at its end everything is committed
    and every link's watermark is closed.

    A batch is a cut through all links: what came before it is in it or in an earlier one. With a
    spool, a cut is safe when the spool has it, whatever becomes of the store or of this process;
    then ``safe`` is called with the place up to which each link's words are safe, and a readout
    that takes the same run and spool goes on from there.

    Whoever takes several runs in a row gives the ``shared_writer`` that stores them all,
    and closes it.
    """

    engine: Engine
    run: Run
    origin: int = 0
    """The run's start on the detector's counter, in ticks."""
    flush_s: float = 0.1
    max_words: int = 65536
    rules: Schedule | None = None
    """What is removed from when on; None removes nothing until ``hold`` is called."""
    spool: Spool | None = None
    give_up_s: float = 60.0
    committed: Callable[[], None] = lambda: None
    safe: Callable[[Mapping[int, Place]], None] = lambda _: None
    clock: Callable[[], float] = time.monotonic
    shared_writer: Writer | None = None
    whole: bool = False
    """All of the run comes through this spool: a link of which it knows nothing has nothing stored,
    and no shard need be asked."""
    away: Callable[[StoreError], None] = reraise
    """Called as long as the store must be asked and can't be: waits, or raises."""
    words: Home | None = None
    """Where its words get their home; None: beside their headers."""

    def __post_init__(self) -> None:
        tell_of_wraps(self.run.detector)
        self._to_store = ShardSink(self.engine, {self.run.run_id: self.run.detector}, self.words)
        if self.spool and not self.shared_writer:
            check_spool(self.spool, runs_of_spool(self.spool, catalogue(self.engine)))
        self._writer = self.shared_writer or self._to_store.writer(
            self.spool, self.give_up_s, self.committed
        )
        self._booking = Booking(self.run.run_id)
        marks = dict(self.spool.marks(self.run.run_id)) if self.spool else {}
        self._counted = self.spool.counted(self.run.run_id) if self.spool else None
        self._safe_count = self._counted
        self._links = Links(
            self.engine,
            self.run,
            self._booking,
            self.rules or Schedule(),
            self.max_words,
            marks,
            self.whole,
            self.away,
        )
        if self.spool and not self.shared_writer:
            book_damage(self.spool, self._to_store, self._writer)
        self._ready: list[Chunk] = []
        self._ready_words = 0
        self._putting = False
        self._cannot_wait: set[int] = set()
        self._doubt_since: dict[int, float] = {}
        self.overflowed = 0
        self._flushed = self._put_at = self.clock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.close()

    @property
    def written(self) -> Written:
        """What is committed so far."""
        return self._writer.written

    @property
    def writer(self) -> Writer:
        """What carries the batches to the store."""
        return self._writer

    @property
    def anomalies(self) -> list[Anomaly]:
        """The first hundred contradictions in the links' clocks."""
        return self._booking.anomalies

    @property
    def places(self) -> Mapping[int, Place]:
        """How far each link's words were taken, by their senders' counts; not all is safe yet."""
        return self._links.places

    @property
    def watermarks(self) -> Mapping[int, int]:
        """Each link's watermark at the last cut, in ticks since the run's start."""
        return self._links.watermarks

    @property
    def newest(self) -> Mapping[int, int]:
        """Where each link's clock stands, in ticks since the run's start."""
        return self._links.newest

    @property
    def full(self) -> bool:
        """Whether the spool, or its disk, has no room for more than what is already taken."""
        spool = self.spool
        return spool is not None and (spool.low or not spool.has_room(2 * BLOCK_WORDS))

    @property
    def due(self) -> bool:
        """Whether words were held back long enough."""
        busy = _BUSY_STEERED if self.run.settings.get("feedback") else _BUSY
        pace = min(_LONGEST_S, self.written.insert_s / busy)
        return self.clock() - self._flushed >= max(self.flush_s, pace)

    def push(self, block: Block) -> None:
        """Take the next words of a link; waits when the store can't follow."""
        chunker, words = self._links.open(block.link, self.origin), block.words
        if block.lost:
            known = _WORDS_TO_TELL * self.run.detector.words_per_hit
            chunks, (a, b) = chunker.push_after_loss(words[:known], block.epoch)
            self._take(chunks)
            words = words[known:]
            self._booking.lost(block.link, "packets_lost", a, b, block.lost)
        self._take(chunker.push(words, block.epoch, block.places))
        if block.suppressed:
            a, b = chunker.place(block.suppressed.a), chunker.place(block.suppressed.b)
            self._booking.suppressed(block.link, a, b, block.suppressed)
        if not block.can_wait:
            self._cannot_wait.add(block.link)
        if block.place:
            self._links.reached(block.link, block.place)
        if self._worth_a_cut():
            self.flush()

    def _worth_a_cut(self) -> bool:
        if self.spool is None and self._writer.unsettled:  # a cut now would only wait
            return self._ready_words >= LARGE_BLOCK_WORDS
        return self.due or self._ready_words >= BLOCK_WORDS

    def next_tick(self) -> int:
        """The first tick of the run that no link has reached; at its begin 0."""
        return max(self.newest.values(), default=-1) + 1

    def from_tick(self, wanted: int | None) -> int:
        """The tick from which rules may hold: the one that is wanted, or the first that can be.

        Raises UsageError for a tick that a link has reached: its words may be stored.
        """
        earliest = self.next_tick()
        if wanted is not None and wanted < earliest:
            raise UsageError(f"the run's clock has passed {earliest - 1} ticks: name a later time")
        return earliest if wanted is None else wanted

    def hold(
        self, from_t: int, rules: Rules, detail: str, own: Mapping[int, Rules] = _NO_RULES
    ) -> None:
        """Let rules hold from a tick on, and book it for every link; ``own`` are those of some.

        A wild word, which jumps ahead of its link's clock, may have passed any tick: it met what
        was known of its time when it came.
        """
        self._links.hold(from_t, rules, detail, own)

    def place(self, link: int, time: int) -> tuple[int, int] | None:
        """Where a sound hit of that own time lies, and where its link's clock stands, in ticks
        since the run's start; None before the link's first words."""
        return self._links.place(link, time)

    def book(self, gaps: Iterable[Gap], counted: Counted | None = None) -> None:
        """Book what others removed, or lost, with the next cut.

        ``counted`` is where the counters stand that told so: the spool keeps it with the gaps.
        """
        self._booking.gaps += gaps
        self._counted = counted or self._counted

    def beat(self, passed: Mapping[int, int] = _NONE, gaps: Sequence[Gap] = ()) -> None:
        """Commit words that were held back long enough; call it when a source is silent.

        ``passed`` are times, in ticks since the run's start, that idle links are known to have
        passed: each sends a heartbeat. ``gaps`` are booked with the batch.
        """
        self._booking.gaps += gaps
        if self.due:
            self.flush(passed)

    def flush(self, passed: Mapping[int, int] = _NONE) -> None:
        """Make a cut: hand everything that is held back to the writer, as one batch."""
        self._flushed = self.clock()
        for link, chunker in self._links.chunkers.items():
            self._take(chunker.flush(in_doubt=not self._may_wait(link)))
            if link in passed and (beat := chunker.heartbeat(passed[link])):
                self._take([beat])
            self._booking.removed(link, chunker.take_removed())
        self._put()

    def _may_wait(self, link: int) -> bool:
        """Whether a link's words that are in doubt may wait for the next ones."""
        if not self._links.chunkers[link].in_doubt:
            self._doubt_since.pop(link, None)
            return False
        since = self._doubt_since.setdefault(link, self.clock())
        return self.clock() - since < _DOUBT_S

    def open_links(self, links: Iterable[int]) -> None:
        """Make links known before their first word, so that nothing passes them unseen."""
        for link in links:
            self._links.open(link, self.origin)

    def close(self, end: int | None = None) -> None:
        """Commit the rest and close every link; raises StoreError if the store takes no more.

        With a spool, what the store doesn't take for ``give_up_s`` seconds stays there. After a
        batch that could not be kept nothing more is: the links' places would be behind its words.
        """
        if self._putting:
            if not self.shared_writer:
                self._writer.close()
            return
        for link, chunker in self._links.chunkers.items():
            self._take(chunker.close(end))
            self._booking.removed(link, chunker.take_removed())
        self._links.chunkers.clear()
        self._put_at = -_FULL_FLUSH_S
        self._put()
        if not self.shared_writer:
            self._writer.close()

    def _take(self, chunks: list[Chunk]) -> None:
        self._ready += chunks
        self._links.taken(chunks)
        self._ready_words += sum(len(chunk.words) for chunk in chunks)

    def _put(self) -> None:
        self._putting = True
        chunks, self._ready, self._ready_words = self._ready, [], 0
        if self._cannot_wait and self.full:
            chunks = [self._dropped(chunk) for chunk in chunks]
            if self.clock() - self._put_at < _FULL_FLUSH_S:
                self._ready, self._putting = chunks, False
                return
        self._put_at = self.clock()
        gaps, marks = self._booking.take(), self._links.at_cut()
        counted = self._counted
        if chunks or gaps or (self.spool and counted != self._safe_count):
            parts = in_parts(chunks, gaps, self._to_store.home)
            now, run = datetime.now(UTC), self.run
            self._writer.put(Batch(run.run_id, run.started_at, now, parts, marks, counted))
            self._safe_count = counted
        self._putting = False
        if self.spool:
            self.safe({link: mark.place for link, mark in marks.items()})

    def _dropped(self, chunk: Chunk) -> Chunk:
        """The chunk without its words, which are booked as lost, if its source can't wait."""
        if chunk.link not in self._cannot_wait or not chunk.n_hits:
            return chunk
        self.overflowed += chunk.n_hits
        a, b, n = chunk.t_first, chunk.t_last + 1, chunk.n_hits
        self._booking.lost(chunk.link, "spool_overflow", a, b, n)
        return replace(chunk, n_hits=0, n_corrupt=0, n_suspect=0, words=chunk.words[:0])

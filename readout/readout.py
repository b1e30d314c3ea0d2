"""One run's words, from blocks of any link to committed chunks."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Self

from db.chunk import Chunk
from db.chunks import has_chunk, link_state, write_chunks
from db.engine import Engine
from db.errors import StoreError
from db.gaps import Gap, book_gaps
from db.runs import Run, find_run, list_runs
from db.shards import shard_of
from readout.batch import Batch, Mark, Part, in_parts
from readout.chunker import Chunker
from readout.prefilter import Prefilter
from readout.source.block import Block, Place
from readout.spool.damage import stand_ins
from readout.spool.spool import Spool
from readout.unwrap import Anomaly
from readout.writer import Writer, Written

# A batch of this many words costs the store one insert.
BLOCK_WORDS = 1 << 21

# So many words after a loss tell where the clock has got to, even if one of them is wild.
_WORDS_TO_TELL = 8
_NONE: Mapping[int, int] = {}

# While the spool is full, what was lost is put there this rarely.
_FULL_FLUSH_S = 5.0


@dataclass
class Readout:
    """Cuts the words of all links of a run into chunks and commits them in batches.

    Words are held back for ``flush_s`` seconds at most, if ``beat`` is called that often. Use it
    as a context: at its end everything is committed and every link's watermark is closed.

    A batch is a cut through all links: what came before it is in it or in an earlier one. With a
    spool, a cut is safe when the spool has it, whatever becomes of the store or of this process;
    then ``safe`` is called with the place up to which each link's words are safe, and a readout
    that takes the same run and spool goes on from there.
    """

    engine: Engine
    run: Run
    origin: int = 0
    """The run's start on the detector's counter, in ticks."""
    flush_s: float = 0.1
    max_words: int = 65536
    prefilter: Prefilter | None = None
    spool: Spool | None = None
    give_up_s: float = 60.0
    committed: Callable[[], None] = lambda: None
    safe: Callable[[Mapping[int, Place]], None] = lambda _: None
    clock: Callable[[], float] = time.monotonic
    anomalies: list[Anomaly] = field(default_factory=list)
    """The first hundred contradictions in the links' clocks; all of them are booked as gaps."""

    def __post_init__(self) -> None:
        self._detectors = {self.run.run_id: self.run.detector}
        self._check_spool()
        shards = self._shards = self.engine.shards
        self._writer = Writer(
            self._write,
            lambda shard, gaps, token: book_gaps(shards[shard], gaps, token),
            n_shards=len(shards),
            at_once=self.engine.inserts_at_once,
            spool=self.spool,
            give_up_s=self.give_up_s,
            committed=self.committed,
            holds=self._holds,
        )
        self._marks = dict(self.spool.marks(self.run.run_id)) if self.spool else {}
        if self.spool:
            self._book_damage(self.spool)
        self._chunkers: dict[int, Chunker] = {}
        self._ready: list[Chunk] = []
        self._ready_words = 0
        self._gaps: list[Gap] = []
        self._cannot_wait: set[int] = set()
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
    def places(self) -> Mapping[int, Place]:
        """How far each link's words were taken, by their senders' counts; not all is safe yet."""
        return {link: mark.place for link, mark in self._marks.items()}

    @property
    def watermarks(self) -> Mapping[int, int]:
        """Each link's watermark at the last cut, in ticks since the run's start."""
        marks = {link: mark.watermark for link, mark in self._marks.items()}
        return {link: mark for link, mark in marks.items() if mark is not None}

    @property
    def full(self) -> bool:
        """Whether the spool has no room for more than what is already taken."""
        return self.spool is not None and not self.spool.has_room(2 * BLOCK_WORDS)

    def push(self, block: Block) -> None:
        """Take the next words of a link; waits when the store can't follow."""
        chunker, words = self._chunker(block.link), block.words
        if block.lost:
            known = _WORDS_TO_TELL * self.run.detector.words_per_hit
            before = chunker.newest
            self._take(chunker.push(words[:known], block.epoch))
            words = words[known:]
            self._book(block.link, "packets_lost", before, chunker.newest + 1, block.lost)
        self._take(chunker.push(words, block.epoch))
        if not block.can_wait:
            self._cannot_wait.add(block.link)
        if block.place:
            mark = self._marks.get(block.link, Mark())
            place = {"stream": block.place.stream, "words": block.place.words}
            self._marks[block.link] = replace(mark, **place)
        if self.due or self._ready_words >= BLOCK_WORDS:
            self.flush()

    @property
    def newest(self) -> Mapping[int, int]:
        """Where each link's clock stands, in ticks since the run's start."""
        return {link: chunker.newest for link, chunker in self._chunkers.items()}

    @property
    def due(self) -> bool:
        """Whether words were held back long enough."""
        return self.clock() - self._flushed >= self.flush_s

    def beat(self, passed: Mapping[int, int] = _NONE, gaps: Sequence[Gap] = ()) -> None:
        """Commit words that were held back long enough; call it when a source is silent.

        ``passed`` are times, in ticks since the run's start, that idle links are known to have
        passed: each sends a heartbeat. ``gaps`` are booked with the batch.
        """
        self._gaps += gaps
        if self.due:
            self.flush(passed)

    def flush(self, passed: Mapping[int, int] = _NONE) -> None:
        """Make a cut: hand everything that is held back to the writer, as one batch."""
        self._flushed = self.clock()
        for link, chunker in self._chunkers.items():
            self._take(chunker.flush())
            if link in passed and (beat := chunker.heartbeat(passed[link])):
                self._take([beat])
            self._note_removed(link, chunker)
        self._put()

    def open_links(self, links: Iterable[int]) -> None:
        """Make links known before their first word, so that nothing passes them unseen."""
        for link in links:
            self._chunker(link)

    def close(self, end: int | None = None) -> None:
        """Commit the rest and close every link; raises StoreError if the store takes no more.

        With a spool, what the store doesn't take for ``give_up_s`` seconds stays there.
        """
        for link, chunker in self._chunkers.items():
            self._take(chunker.close(end))
            self._note_removed(link, chunker)
        self._chunkers.clear()
        self._put_at = -_FULL_FLUSH_S
        self._put()
        self._writer.close()

    def _write(self, shard: int, chunks: Sequence[Chunk], recorded_at: datetime) -> None:
        run_id = chunks[0].run_id
        if run_id not in self._detectors:  # the spool may hold an earlier run's
            self._detectors[run_id] = find_run(self.engine, run_id).detector
        write_chunks(self._shards[shard], chunks, self._detectors[run_id], recorded_at)

    def _check_spool(self) -> None:
        """Refuse a spool that was filled for another store, where run numbers mean other runs."""
        for run_id, started in self.spool.runs if self.spool else ():
            here = [run for run in list_runs(self.engine) if run.run_id == run_id]
            if not here or here[0].started_at != started:
                raise StoreError(
                    f"the spool {self.spool and self.spool.folder} has data of a run {run_id} that"
                    f" began at {started:%Y-%m-%d %H:%M:%S} and isn't in this store: name the store"
                    " that it was filled for, or another folder"
                )

    def _book_damage(self, spool: Spool) -> None:
        """Book what is damaged in the spool, and let the watermarks go on without it."""

        def stored(chunk: Chunk) -> bool:
            return any(has_chunk(shard, chunk) for shard in self._shards)

        for number, file in spool.lost():
            chunks, gaps = stand_ins(file, stored, self.run.detector.words_per_hit)
            if chunks:
                parts, marks = in_parts(chunks, gaps, self._home), dict(self._marks)
                run_id, started = self.run.run_id, self.run.started_at
                # With the old time of recording, another attempt is recognised as such.
                self._writer.put(Batch(run_id, started, file.recorded_at, parts, marks))
            spool.forget(number)

    def _holds(self, shard: int, part: Part) -> bool:
        if not part.chunks:
            return False
        # A part is there as a whole or not at all.
        return has_chunk(self._shards[shard], part.chunks[0])

    def _home(self, chunk: Chunk) -> int:
        return shard_of(chunk.t_first, self.run.detector.slice, len(self._shards))

    def _chunker(self, link: int) -> Chunker:
        if link not in self._chunkers:
            if link not in self._marks:
                self._marks[link] = Mark(*link_state(self.engine, self.run.run_id, link))
            mark = self._marks[link]
            self._chunkers[link] = Chunker(
                self.run.detector,
                self.run.run_id,
                link,
                self.origin,
                max_words=self.max_words,
                first_seq=mark.next_seq,
                watermark=mark.watermark,
                prefilter=self.prefilter,
                report=self._report,
            )
        return self._chunkers[link]

    def _take(self, chunks: list[Chunk]) -> None:
        self._ready += chunks
        for chunk in chunks:
            mark = self._marks[chunk.link]
            self._marks[chunk.link] = replace(
                mark, next_seq=chunk.seq + 1, watermark=chunk.watermark
            )
            self._ready_words += len(chunk.words)

    def _put(self) -> None:
        chunks, self._ready, self._ready_words = self._ready, [], 0
        if self._cannot_wait and self.full:
            chunks = [self._dropped(chunk) for chunk in chunks]
            if self.clock() - self._put_at < _FULL_FLUSH_S:
                self._ready = chunks
                return
        self._put_at = self.clock()
        gaps, self._gaps = self._gaps, []
        if chunks or gaps:
            parts = in_parts(chunks, gaps, self._home)
            now, marks = datetime.now(UTC), dict(self._marks)
            self._writer.put(Batch(self.run.run_id, self.run.started_at, now, parts, marks))
        if self.spool:
            self.safe(self.places)

    def _dropped(self, chunk: Chunk) -> Chunk:
        """The chunk without its words, which are booked as lost, if its source can't wait."""
        if chunk.link not in self._cannot_wait or not chunk.n_hits:
            return chunk
        self.overflowed += len(chunk.words)
        self._book(chunk.link, "spool_overflow", chunk.t_first, chunk.t_last + 1, len(chunk.words))
        return replace(chunk, n_hits=0, n_corrupt=0, words=chunk.words[:0])

    def _book(self, link: int, cause: str, a: int, b: int, n_lost: int) -> None:
        self._gaps.append(Gap(self.run.run_id, link, cause, a, b, n_lost=n_lost))

    def _report(self, anomaly: Anomaly) -> None:
        if len(self.anomalies) < 100:
            self.anomalies.append(anomaly)
        self._gaps.append(
            Gap(
                self.run.run_id,
                anomaly.link,
                anomaly.cause,
                anomaly.at,
                anomaly.at + 1,
                dead=False,
                detail=anomaly.detail,
            )
        )

    def _note_removed(self, link: int, chunker: Chunker) -> None:
        removed = chunker.take_removed()
        if removed.n_hits and self.prefilter:
            self._gaps.append(
                Gap(
                    self.run.run_id,
                    link,
                    "prefilter",
                    removed.t_first,
                    removed.t_last + 1,
                    dead=False,
                    n_lost=removed.n_hits,
                    detail=self.prefilter.text,
                )
            )

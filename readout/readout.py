"""One run's words, from blocks of any link to committed chunks."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Self

from db.chunk import Chunk
from db.chunks import link_state
from db.engine import Engine
from db.gaps import Gap, book_gaps
from db.runs import Run
from db.shards import write_by_shard
from readout.chunker import Chunker
from readout.prefilter import Prefilter
from readout.source.block import Block
from readout.unwrap import Anomaly
from readout.writer import Writer, Written

# A block of this many words costs the store one insert.
BLOCK_WORDS = 1 << 21


@dataclass
class Readout:
    """Cuts the words of all links of a run into chunks and commits them in blocks.

    Words are held back for ``flush_s`` seconds at most, if ``beat`` is called that often. Use it
    as a context: at its end everything is committed and every link's watermark is closed.
    """

    engine: Engine
    run: Run
    origin: int = 0
    """The run's start on the detector's counter, in ticks."""
    flush_s: float = 0.1
    max_words: int = 65536
    prefilter: Prefilter | None = None
    give_up_s: float = 60.0
    committed: Callable[[], None] = lambda: None
    clock: Callable[[], float] = time.monotonic
    anomalies: list[Anomaly] = field(default_factory=list)
    """The first hundred contradictions in the links' clocks; all of them are booked as gaps."""

    def __post_init__(self) -> None:
        self._writer = Writer(
            lambda chunks, at: write_by_shard(self.engine, chunks, self.run.detector, at),
            give_up_s=self.give_up_s,
            committed=self.committed,
        )
        self._chunkers: dict[int, Chunker] = {}
        self._ready: list[Chunk] = []
        self._gaps: list[Gap] = []
        self._flushed = self.clock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.close()

    @property
    def written(self) -> Written:
        """What is committed so far."""
        return self._writer.written

    def push(self, block: Block) -> None:
        """Take the next words of a link; waits when the store can't follow."""
        self._take(self._chunker(block.link).push(block.words, block.epoch))
        if self.clock() - self._flushed >= self.flush_s:
            self.flush()

    def beat(self, newest: int | None = None) -> None:
        """Commit words that were held back long enough; call it when a source is silent.

        ``newest``, in ticks since the run's start, is a time that every link is known to have
        passed: idle links send a heartbeat.
        """
        if self.clock() - self._flushed >= self.flush_s:
            self.flush(newest)

    def flush(self, newest: int | None = None) -> None:
        """Hand everything that is held back to the writer, as one block."""
        self._flushed = self.clock()
        for link, chunker in self._chunkers.items():
            self._ready += chunker.flush()
            if newest is not None and (beat := chunker.heartbeat(newest)):
                self._ready.append(beat)
            self._note_removed(link, chunker)
        self._put()

    def open_links(self, links: Iterable[int]) -> None:
        """Make links known before their first word, so that nothing passes them unseen."""
        for link in links:
            self._chunker(link)

    def close(self, end: int | None = None) -> None:
        """Commit the rest and close every link; raises StoreError if the store takes no more."""
        for link, chunker in self._chunkers.items():
            self._ready += chunker.close(end)
            self._note_removed(link, chunker)
        self._chunkers.clear()
        self._put()
        self._writer.close()

    def _chunker(self, link: int) -> Chunker:
        if link not in self._chunkers:
            first_seq, watermark = link_state(self.engine, self.run.run_id, link)
            self._chunkers[link] = Chunker(
                self.run.detector,
                self.run.run_id,
                link,
                self.origin,
                max_words=self.max_words,
                first_seq=first_seq,
                watermark=watermark,
                prefilter=self.prefilter,
                report=self._report,
            )
        return self._chunkers[link]

    def _take(self, chunks: list[Chunk]) -> None:
        self._ready += chunks
        if sum(len(c.words) for c in self._ready) >= BLOCK_WORDS:
            self._put()

    def _put(self) -> None:
        ready, self._ready = self._ready, []
        self._writer.put(ready)
        gaps, self._gaps = self._gaps, []
        book_gaps(self.engine, gaps)

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

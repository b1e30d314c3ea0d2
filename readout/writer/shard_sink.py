"""What a writer does with a batch's parts: insert, book, ask, on each shard of a store."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from db.catalogue.runs import find_run
from db.detector import Detector
from db.engine import Engine
from db.words.chunk import Chunk
from db.words.chunks import has_chunk, write_chunks
from db.words.gaps import Gap, book_gaps
from db.words.homes.home import Home
from db.words.shards import catalogue, shard_of
from readout.spool.spool import Spool
from readout.writer.batch import LARGE_BLOCK_WORDS, Part
from readout.writer.writer import Writer


@dataclass
class ShardSink:
    """Chunks and gaps of any run, to the shards of a store."""

    engine: Engine
    detectors: dict[int, Detector] = field(default_factory=dict)
    """Of the runs that are known; others are looked up, since a spool may hold an earlier run's."""
    words: Home | None = None
    """Where words get their home; None: on the shard, beside their headers."""

    def writer(
        self, spool: Spool | None, give_up_s: float, committed: Callable[[], None]
    ) -> Writer:
        """Return what stores batches here."""
        slots = len(self.engine.shards) * self.engine.inserts_at_once
        return Writer(
            self.write,
            self.book,
            n_shards=len(self.engine.shards),
            at_once=self.engine.inserts_at_once,
            spool=spool,
            most_words=LARGE_BLOCK_WORDS
            * min(4, 1 + slots),  # one waits, the others are being written
            give_up_s=give_up_s,
            committed=committed,
            holds=self.holds,
        )

    def detector(self, run_id: int) -> Detector:
        """Return the detector of a run."""
        if run_id not in self.detectors:
            self.detectors[run_id] = find_run(catalogue(self.engine), run_id).detector
        return self.detectors[run_id]

    def home(self, chunk: Chunk) -> int:
        """Return the shard where a chunk's neighbours in time lie."""
        slice_ticks = self.detector(chunk.run_id).slice
        return shard_of(chunk.t_first, slice_ticks, len(self.engine.shards))

    def write(
        self, shard: int, chunks: Sequence[Chunk], recorded_at: datetime, tried: bool
    ) -> None:
        """Store chunks of one run, which may have been tried before."""
        detector = self.detector(chunks[0].run_id)
        write_chunks(
            self.engine.shards[shard], chunks, detector, recorded_at, self.words, tried=tried
        )

    def book(self, shard: int, gaps: Sequence[Gap], token: str, tried: bool) -> None:
        """Record gaps, which may have been tried before."""
        book_gaps(self.engine.shards[shard], gaps, token, tried=tried)

    def holds(self, shard: int, part: Part) -> bool:
        """Return whether a shard has a part, which is there as a whole or not at all."""
        return bool(part.chunks) and has_chunk(self.engine.shards[shard].here, part.chunks[0])

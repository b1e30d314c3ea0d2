"""What the readout hands on at once: a cut through all links, split into the inserts it needs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from db.words.chunk import Chunk
from db.words.gaps import Gap
from readout.source.block import Place

# A cut of this many words is worth an insert of its own.
BLOCK_WORDS = 1 << 20

# While an earlier cut is still on its way, words wait in any case: a cut four times as large is
# hardly ever merged again (of cuts twice as large merges take half of the speed), and takes 160 MB
# more.
LARGE_BLOCK_WORDS = 4 * BLOCK_WORDS


@dataclass(frozen=True)
class Mark:
    """Where a link stands at a cut: all words before it are in this batch or an earlier one."""

    next_seq: int = 0
    watermark: int | None = None
    stream: int = 0
    """Names the sender's count: another number means that it began to count anew."""
    words: int = 0
    """Words of that stream before the cut, lost ones included."""

    @property
    def place(self) -> Place:
        """The cut, as the link's sender counts."""
        return Place(self.stream, self.words)


@dataclass(frozen=True)
class Counted:
    """Where a board's counters stood: what it removed before is booked in this batch or earlier."""

    at: Mapping[int, int]
    """By the counters' addresses."""
    judged: int = 0
    """Ticks of the run: all hits before were judged by then."""


@dataclass(frozen=True, eq=False)
class Part:
    """What one insert stores: chunks of one home shard, or gaps."""

    chunks: Sequence[Chunk] = ()
    gaps: Sequence[Gap] = ()
    home: int = 0
    """The shard where its words' neighbours in time lie; another will do when that is away."""

    @property
    def n_words(self) -> int:
        """Words in all chunks."""
        return sum(len(chunk.words) for chunk in self.chunks)


@dataclass(frozen=True, eq=False)
class Batch:
    """All that came since the last cut, and where each link stands after it."""

    run_id: int
    run_started: datetime
    """Tells the run from one of the same number in another store."""
    recorded_at: datetime
    parts: Sequence[Part]
    marks: Mapping[int, Mark] = field(default_factory=dict)
    counted: Counted | None = None
    """Of the board behind a link; None without one."""


def in_parts(
    chunks: Sequence[Chunk], gaps: Sequence[Gap], home: Callable[[Chunk], int]
) -> list[Part]:
    """The chunks, one part for each home shard, and the gaps as a part of their own."""
    of_shard: dict[int, list[Chunk]] = {}
    for chunk in chunks:
        of_shard.setdefault(home(chunk), []).append(chunk)
    parts = [Part(chunks=of_shard[shard], home=shard) for shard in sorted(of_shard)]
    return [*parts, Part(gaps=gaps)] if gaps else parts

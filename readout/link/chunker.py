"""From a link's word stream to chunks: each in one time slice, each with a watermark."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from db.detector import Detector
from db.detector.words import Words
from db.words.chunk import Chunk
from readout.control.removed import Removed
from readout.control.rules import Rule
from readout.control.schedule import Schedule
from readout.link.suspects import Suspects
from readout.link.timed_hits import TimedHits
from readout.link.unwrap import Anomaly, Mask, Ticks, Unwrapper, ignore
from readout.link.word_times import word_times

_STEP = 1 << 15
"""Hits worked on at once, so that their times stay in the CPU's cache."""
_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class _Key:
    """What all words of a chunk share."""

    slice: int
    epoch: int
    suspect: bool = False


@dataclass
class _Bucket:
    """Words of one chunk to be; ``t_first`` and ``t_last`` are those of its sound words."""

    key: _Key
    now: int
    pieces: list[Words] = field(default_factory=list)
    places: list[Ticks] = field(default_factory=list)
    n_hits: int = 0
    n_corrupt: int = 0
    t_first: int = _NEVER
    t_last: int = -_NEVER

    def add(self, hits: TimedHits) -> None:
        self.pieces.append(hits.words)
        if hits.places is not None:
            self.places.append(hits.places)
        self.n_hits += len(hits)
        self.n_corrupt += int(np.count_nonzero(hits.corrupt))
        if self.key.suspect:
            return
        t = hits.t if hits.sound.all() else hits.t[hits.sound]
        self.t_first = min(self.t_first, int(t.min(initial=_NEVER)))
        self.t_last = max(self.t_last, int(t.max(initial=-_NEVER)))

    def words(self) -> Words:
        whole = self.pieces[0] if len(self.pieces) == 1 else np.concatenate(self.pieces)
        return whole.reshape(-1)


class Chunker:
    """Cuts one link's words into chunks.

    Words go into a bucket for their time slice (and epoch, so that a wrap in a slice makes two).
    A bucket becomes a chunk when it holds ``max_words`` hits, when the watermark passes the end of
    its slice, or at ``flush``. Inside a chunk words keep their order of arrival. A word later than
    the detector's disorder is late data: it gets a chunk of its own slice.

    Suspect words (see Suspects) get chunks of their own where the clock stood when they came: no
    watermark, no range of a run and no window goes by their times.

    ``origin`` is the run's start on the detector's counter. To go on with a link of a run, give the
    ``first_seq`` that is free and the ``watermark`` of the last chunk stored. ``report`` is told of
    words at odds with the clock (see Unwrapper). ``rules`` remove words; what they removed since
    the last call is in ``take_removed``; the clock has seen those words all the same.
    """

    def __init__(
        self,
        detector: Detector,
        run_id: int,
        link: int,
        origin: int,
        max_words: int = 65536,
        first_seq: int = 0,
        watermark: int | None = None,
        rules: Schedule | None = None,
        report: Callable[[Anomaly], None] = ignore,
    ) -> None:
        self._detector, self._run_id, self._link = detector, run_id, link
        self._max_words, self._seq = max_words, first_seq
        self._rules = rules or Schedule()
        self._watermark = -detector.disorder if watermark is None else watermark
        newest = self._watermark + detector.disorder
        self._clock = Unwrapper(detector, link, origin, newest, report)
        self._timing = word_times(detector)
        self._suspects = Suspects(detector)
        self._open: dict[_Key, _Bucket] = {}
        self._latest = newest
        self._removed: dict[Rule, Removed] = {}

    @property
    def newest(self) -> int:
        """Where the link's clock stands, in ticks since the run's start."""
        return self._clock.newest

    def place(self, time: int) -> int:
        """Return the time since the run's start of a sound word of that own time."""
        return self._clock.place(time)

    def push(
        self, words: Words, epoch: int | None = None, places: Ticks | None = None
    ) -> list[Chunk]:
        """Take the next words of the link, whole hits; the chunks that are complete by now.

        ``epoch`` is what must be added to these words' own times to give ticks since the run's
        start, where the source knows; None follows the link's clock. ``places`` are kept with the
        hits, one for each. The chunks may share memory with both: don't write to them again.
        """
        step = _STEP * self._detector.words_per_hit
        chunks: list[Chunk] = []
        for n, start in enumerate(range(0, len(words), step)):
            hits, clock = self._timed(words[start : start + step], epoch)
            if places is not None:
                hits = replace(hits, places=places[n * _STEP : (n + 1) * _STEP])
            chunks += self._take(hits, clock)
        return chunks

    def push_after_loss(
        self, words: Words, epoch: int | None = None
    ) -> tuple[list[Chunk], tuple[int, int]]:
        """Take the first words after a loss, as ``push`` does: the chunks, and ticks [a, b).

        Nothing is known of these ticks: they begin behind the newest time before the loss and end
        at the first word that is later, in order of arrival, and that the clock believes. There is
        one tick at least.
        """
        before, near = self.newest, self._detector.disorder
        hits, clock = self._timed(words, epoch)
        later = hits.t[hits.sound & (hits.t > before)]
        believed = later[later <= self.newest]
        if not len(believed) and len(later) > 1 and abs(later[1] - later[0]) <= near:
            believed = later[:1]  # in doubt, but the next one bears it out
        first = int(believed[0]) if len(believed) else before + 1
        return self._take(hits, clock), (before + 1, max(first, before + 2))

    @property
    def in_doubt(self) -> int:
        """How many of the latest hits wait for those that tell whether they are suspect."""
        return self._suspects.held

    def flush(self, *, in_doubt: bool = True) -> list[Chunk]:
        """Everything that is held back, as chunks: at the latency limit, or the data's end.

        Without ``in_doubt`` the hits that are in doubt go on waiting.
        """
        released = self._suspects.release() if in_doubt else None
        full = self._sort_in(*released) if released else []
        buckets = full + list(self._open.values())
        self._open.clear()
        return self._emit(buckets)

    def heartbeat(self, newest: int) -> Chunk | None:
        """A chunk without words that carries the watermark on, or None if it can't move.

        For a silent link: ``newest``, in ticks since the run's start, is a time that the link is
        known to have passed. Words that are held back hold back the watermark too: flush first.
        """
        self._clock.advance(newest)
        before = self._watermark
        self._raise_watermark(self._earliest_open())
        return self._heartbeat() if self._watermark > before else None

    def close(self, end: int | None = None) -> list[Chunk]:
        """The rest, and a heartbeat whose watermark ``end`` says that the link is complete.

        Without ``end``, in ticks since the run's start, it is just past the newest time.
        """
        chunks = self.flush()
        self._clock.settle(self._suspects.longest)
        self._clock.advance(self._latest)
        self._watermark = max(self._watermark, self.newest + 1 if end is None else end)
        return [*chunks, self._heartbeat()]

    def take_removed(self) -> dict[Rule, Removed]:
        """What each rule removed since the last call."""
        removed, self._removed = self._removed, {}
        return removed

    def _timed(self, words: Words, epoch: int | None) -> tuple[TimedHits, Ticks]:
        """The next hits, and where the clock stood after each."""
        times, sound, corrupt = self._timing(words)
        clock = np.empty_like(times)
        t, epochs = self._clock.follow(times, sound, epoch, clock)
        return TimedHits(words.reshape(len(t), -1), t, epochs, sound, corrupt), clock

    def _take(self, hits: TimedHits, clock: Ticks) -> list[Chunk]:
        """The chunks that are complete with these hits."""
        full = self._sort_in(*self._suspects.judge(hits, clock))
        passed = (self.newest - self._detector.disorder) // self._detector.slice
        ended = [key for key in self._open if key.slice < passed]
        return self._emit(full + [self._open.pop(key) for key in ended])

    def _sort_in(self, hits: TimedHits, clock: Ticks, suspect: Mask) -> list[_Bucket]:
        """Put hits into their buckets, those that no rule removes; the buckets that are full."""
        t = np.where(suspect, clock, hits.t) if suspect.any() else hits.t
        out = self._removed_of(hits.words.reshape(-1), t)
        if not suspect.any():
            return self._fill(hits[~out] if out.any() else hits, suspect=False)
        now = np.full(len(t), self._clock.epoch)
        wild = replace(hits, t=clock, epochs=now)[suspect & ~out]
        return self._fill(hits[~suspect & ~out], suspect=False) + self._fill(wild, suspect=True)

    def _removed_of(self, words: Words, t: Ticks) -> Mask:
        """Which of the hits a rule removes; they are counted."""
        out = np.zeros(len(t), np.bool_)
        for rule, which in self._rules.removed(words, t):
            if which.any():
                before = self._removed.get(rule, Removed())
                self._removed[rule] = before.with_times(t[which])
                out |= which
        return out

    def _fill(self, hits: TimedHits, *, suspect: bool) -> list[_Bucket]:
        full = []
        for (number, epoch), group in _groups(hits, self._detector.slice):
            key = _Key(number, epoch, suspect)
            while len(group):
                bucket = self._open.setdefault(key, _Bucket(key, int(group.t[0])))
                room = self._max_words - bucket.n_hits
                bucket.add(group[:room])
                group = group[room:]
                if bucket.n_hits == self._max_words:
                    full.append(self._open.pop(key))
        return full

    def _emit(self, buckets: list[_Bucket]) -> list[Chunk]:
        """Chunks of the buckets. Each one's watermark waits for those behind it."""
        buckets.sort(key=lambda bucket: bucket.t_first)
        held_back = [self._earliest_open()]
        for bucket in reversed(buckets[1:]):
            held_back.append(min(held_back[-1], bucket.t_first))
        chunks = []
        for bucket in buckets:
            self._raise_watermark(held_back.pop())
            words, sound = bucket.words(), bucket.t_first != _NEVER
            first, last = (bucket.t_first, bucket.t_last) if sound else (bucket.now, bucket.now)
            self._latest = max(self._latest, last)
            chunk = self._chunk(bucket.key.epoch, first, last, bucket.n_corrupt, words)
            if bucket.places:
                chunk = replace(chunk, places=np.concatenate(bucket.places))
            if bucket.key.suspect:
                chunk = replace(chunk, n_corrupt=chunk.n_hits, n_suspect=chunk.n_hits)
            chunks.append(chunk)
        return chunks

    def _earliest_open(self) -> int:
        first = min((bucket.t_first for bucket in self._open.values()), default=_NEVER)
        return min(first, self._suspects.earliest_held)

    def _raise_watermark(self, held_back_from: int) -> None:
        reached = min(self.newest - self._detector.disorder, held_back_from)
        self._watermark = max(self._watermark, reached)

    def _heartbeat(self) -> Chunk:
        return self._chunk(self._clock.epoch, self.newest, self.newest, 0, np.empty(0, np.uint64))

    def _chunk(self, epoch: int, t_first: int, t_last: int, n_corrupt: int, words: Words) -> Chunk:
        self._seq += 1
        return Chunk(
            run_id=self._run_id,
            link=self._link,
            seq=self._seq - 1,
            epoch=epoch,
            t_first=t_first,
            t_last=t_last,
            watermark=self._watermark,
            n_hits=len(words) // self._detector.words_per_hit,
            n_corrupt=n_corrupt,
            words=words,
        )


def _groups(hits: TimedHits, slice_ticks: int) -> Iterator[tuple[tuple[int, int], TimedHits]]:
    """The hits of each slice and epoch, in order of arrival."""
    if not len(hits):
        return
    low, high = int(hits.t.min()) // slice_ticks, int(hits.t.max()) // slice_ticks
    if low == high and hits.epochs.min() == hits.epochs.max():
        yield (low, int(hits.epochs[0])), hits
        return
    slices = hits.t // slice_ticks
    order = np.lexsort((hits.epochs, slices))
    slices, epochs = slices[order], hits.epochs[order]
    changes = np.flatnonzero((np.diff(slices) != 0) | (np.diff(epochs) != 0)) + 1
    for first, last in pairwise([0, *changes.tolist(), len(order)]):
        yield (int(slices[first]), int(epochs[first])), hits[order[first:last]]

"""The links of a run: each with its chunker, and how far it was taken."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from db.catalogue.runs import Run
from db.engine import Engine
from db.errors import StoreError
from db.words.chunk import Chunk
from db.words.chunks import link_state
from readout.control.booking import Booking
from readout.control.rules import Rules
from readout.control.schedule import Schedule
from readout.link.chunker import Chunker
from readout.source.block import Place
from readout.writer.batch import Mark


def reraise(fault: StoreError) -> None:
    """Don't wait for a store that is away."""
    raise fault


@dataclass(frozen=True)
class _Held:
    """Rules that hold from a tick on."""

    from_t: int
    rules: Rules
    detail: str
    own: Mapping[int, Rules]


@dataclass
class Links:
    """Opens links as they are met; each goes on where its mark, or the store, says."""

    engine: Engine
    run: Run
    booking: Booking
    rules: Schedule
    max_words: int
    marks: dict[int, Mark]
    whole: bool = False
    """A link without a mark has nothing stored."""
    away: Callable[[StoreError], None] = reraise
    chunkers: dict[int, Chunker] = field(default_factory=dict)
    _schedules: dict[int, Schedule] = field(default_factory=dict)
    _held: list["_Held"] = field(default_factory=list)

    @property
    def places(self) -> Mapping[int, Place]:
        """How far each link's words were taken, by their senders' counts."""
        return {link: mark.place for link, mark in dict(self.marks).items()}

    def at_cut(self) -> dict[int, Mark]:
        """Where each link stands at a cut: before the words that are in doubt and not in it."""
        marks = dict(self.marks)
        for link, chunker in self.chunkers.items():
            if chunker.in_doubt:
                left = chunker.in_doubt * self.run.detector.words_per_hit
                marks[link] = replace(marks[link], words=max(0, marks[link].words - left))
        return marks

    @property
    def watermarks(self) -> Mapping[int, int]:
        """Each link's watermark at the last cut, in ticks since the run's start."""
        # Others look on while links are opened: a copy is made at once.
        marks = {link: mark.watermark for link, mark in dict(self.marks).items()}
        return {link: mark for link, mark in marks.items() if mark is not None}

    @property
    def newest(self) -> Mapping[int, int]:
        """Where each link's clock stands, in ticks since the run's start."""
        return {link: chunker.newest for link, chunker in dict(self.chunkers).items()}

    def open(self, link: int, origin: int) -> Chunker:
        """The link's chunker; ``origin`` is the run's start on the detector's counter."""
        if link not in self.chunkers:
            if link not in self.marks:
                self.marks[link] = Mark() if self.whole else self._stored(link)
            mark = self.marks[link]
            self._schedules[link] = Schedule(list(self.rules.steps))
            self.chunkers[link] = Chunker(
                self.run.detector,
                self.run.run_id,
                link,
                origin,
                max_words=self.max_words,
                first_seq=mark.next_seq,
                watermark=mark.watermark,
                rules=self._schedules[link],
                report=self.booking.odd,
            )
            for each in self._held:
                self._hold(link, each)
        return self.chunkers[link]

    def _stored(self, link: int) -> Mark:
        """Where a link stands by what the store has of it."""
        while True:
            try:
                return Mark(*link_state(self.engine, self.run.run_id, link))
            except StoreError as fault:
                self.away(fault)

    def hold(self, from_t: int, rules: Rules, detail: str, own: Mapping[int, Rules]) -> None:
        """Let rules hold on all links from a tick on, and book it; ``own`` has those of some links.

        So it is for links that are opened later, too.
        """
        held = _Held(from_t, rules, detail, own)
        self._held.append(held)
        for link in self.chunkers:
            self._hold(link, held)

    def _hold(self, link: int, held: "_Held") -> None:
        self._schedules[link].add(held.from_t, held.own.get(link, held.rules))
        self.booking.configured(link, held.from_t, held.detail)

    def place(self, link: int, time: int) -> tuple[int, int] | None:
        """Where a sound hit of that own time lies, and where the link's clock stands, in ticks
        since the run's start; None before its first words."""
        if (chunker := self.chunkers.get(link)) is None:
            return None
        return chunker.place(time), chunker.newest

    def taken(self, chunks: Iterable[Chunk]) -> None:
        """Move the marks on: these chunks are in the next cut."""
        for chunk in chunks:
            mark = self.marks[chunk.link]
            self.marks[chunk.link] = replace(
                mark, next_seq=chunk.seq + 1, watermark=chunk.watermark
            )

    def reached(self, link: int, place: Place) -> None:
        """Note how far a link's words have come, as its sender counts."""
        mark = self.marks.get(link, Mark())
        self.marks[link] = replace(mark, stream=place.stream, words=place.words)

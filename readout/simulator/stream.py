"""Simulated hits in the order in which they reach the readout."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from db.detector.words import Words
from readout.simulator.order import order
from readout.simulator.stamp import Integers


@dataclass(frozen=True, eq=False)
class Stream:
    """Hits on their way to the readout, and what only the simulator knows of them."""

    words: Words
    """Shape (hits, words_per_hit); all below have the shape (hits,)."""
    t: Integers
    """True time, in ticks since the run's start."""
    released: Integers
    """When the front-end lets the words go, in ticks since the run's start; never before t."""
    link: NDArray[np.uint16]
    muon: Integers
    """The muon that the words come from; -1 for noise, for corrupt words, and for
    what a chamber adds to a muon's own hits."""

    def __len__(self) -> int:
        return len(self.t)

    def __getitem__(self, where: slice) -> "Stream":
        return Stream(*(getattr(self, field.name)[where] for field in fields(self)))

    def take(self, index: Integers) -> "Stream":
        """The hits of these places."""
        return Stream(*(getattr(self, field.name).take(index, axis=0) for field in fields(self)))

    def between(self, start: int, stop: int) -> "Stream":
        """The hits with times in [start, stop), in the order they have here."""
        return self.take(np.flatnonzero((self.t >= start) & (self.t < stop)))

    def of_link(self, link: int) -> Words:
        """The words of one link, flat, in the order they have here."""
        return self.words.take(np.flatnonzero(self.link == link), axis=0).reshape(-1)


def in_order(blocks: Iterable[tuple[Stream, int]]) -> Iterator[Stream]:
    """The hits of successive blocks in order of release, in as many pieces and one more.

    With each block comes a time before which no hit of a later block is released. Only what waits
    for its release is kept.
    """
    waiting: list[Stream] = []
    for stream, stop in blocks:
        all_here = joined([*waiting, stream])
        all_here = all_here.take(order(all_here.released))
        n = int(np.searchsorted(all_here.released, stop))
        waiting = [all_here[n:]]
        yield all_here[:n]
    yield from waiting


def joined(streams: Sequence[Stream]) -> Stream:
    """One stream of the hits of all, one after the other; at least one is needed."""
    return Stream(
        *(np.concatenate([getattr(s, field.name) for s in streams]) for field in fields(Stream))
    )

"""What every source delivers: blocks of words."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from db.detector import Detector, decode
from db.detector.words import Words


@dataclass(frozen=True, eq=False)
class Block:
    """Words of one link in order of arrival, a few MB at most; whole hits only.

    There are none in a last block that only tells what was suppressed.

    The words are the receiver's to keep: a source never writes to them again. ``epoch`` is what
    must be added to a word's own time to give ticks since the run's start, where the source knows
    it; None leaves it to the link's clock.
    """

    link: int
    words: Words
    epoch: int | None = None
    place: "Place | None" = None
    """Where the block ends in its sender's count, if the sender counts."""
    lost: int = 0
    """Hits that are known to be missing just before these."""
    suppressed: "Suppressed | None" = None
    """Hits that the source left out by its rule."""
    can_wait: bool = True
    """False if the source loses what isn't taken in time."""
    places: NDArray[np.int64] | None = None
    """The number of each hit in the files that are read, if these are to be given back as they
    were."""


@dataclass(frozen=True)
class Place:
    """A position in the words of a link, as their sender counts them."""

    stream: int
    """Names the count: another number means that the sender began anew."""
    words: int
    """Words of the stream before this place."""


@dataclass(frozen=True)
class Suppressed:
    """Hits of times [a, b), in ticks on the detector's counter, that a rule left out."""

    a: int
    b: int
    n_hits: int
    rule: str


def by_link(
    detector: Detector, words: Words, link: int, first: int | None = None
) -> Iterator[Block]:
    """The words as blocks, one for each link among them, each in order of arrival.

    A declaration that knows a word's link tells the words of several in one stream apart; without
    that the stream is one link, of number ``link``. ``first`` is the place of the first hit, if
    places are to be kept.
    """
    n_hits = len(words) // detector.words_per_hit
    places = None if first is None else np.arange(first, first + n_hits)
    if detector.link is None:
        yield Block(link, words, places=places)
        return
    links = decode(detector, words, columns=["link"])["link"]
    if links.min() == links.max():
        yield Block(int(links[0]), words, places=places)
        return
    order = np.argsort(links, kind="stable")
    hits, ends = words.reshape(-1, detector.words_per_hit)[order], np.cumsum(np.bincount(links))
    for number, (start, stop) in enumerate(pairwise([0, *ends.tolist()])):
        if start < stop:
            of_link = None if places is None else places[order[start:stop]]
            yield Block(number, hits[start:stop].reshape(-1), places=of_link)

"""What every source delivers: blocks of words."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from db.chunk import Words
from db.detector import Detector, decode


@dataclass(frozen=True, eq=False)
class Block:
    """Words of one link in order of arrival, a few MB at most; whole hits only.

    The words are the receiver's to keep: a source never writes to them again. ``epoch`` is what
    must be added to a word's own time to give ticks since the run's start, where the source knows
    it; None leaves it to the link's clock.
    """

    link: int
    words: Words
    epoch: int | None = None


def by_link(detector: Detector, words: Words, link: int) -> Iterator[Block]:
    """The words as blocks, one for each link among them, each in order of arrival.

    A declaration that knows a word's link tells the words of several in one stream apart; without
    that the stream is one link, of number ``link``.
    """
    if detector.link is None:
        yield Block(link, words)
        return
    links = decode(detector, words, columns=["link"])["link"]
    if links.min() == links.max():
        yield Block(int(links[0]), words)
        return
    order = np.argsort(links, kind="stable")
    hits, ends = words.reshape(-1, detector.words_per_hit)[order], np.cumsum(np.bincount(links))
    for number, (start, stop) in enumerate(pairwise([0, *ends.tolist()])):
        if start < stop:
            yield Block(number, hits[start:stop].reshape(-1))

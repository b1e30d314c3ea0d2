"""A chunk on its way into the store."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from db.detector.words import Words


@dataclass(frozen=True, eq=False)
class Chunk:
    """Words of one link that lie in one time slice: the unit that is written, one row of the store.

    A chunk with no words is a heartbeat: it only carries the watermark of an idle link on.
    """

    run_id: int
    link: int
    seq: int
    """Counts the chunks of a link in a run from 0, without holes."""
    epoch: int
    """What must be added to a word's own time to give ticks since the run's start: it undoes the
    wraps of the word's counter and moves its zero to the run's start."""
    t_first: int
    t_last: int
    """Times of the earliest and the latest sound word, both inside the chunk, in ticks since the
    run's start. Both lie in one slice. Corrupt and suspect words don't count."""
    watermark: int
    """Every word of the link with t < watermark is in this chunk or in one of lower seq."""
    n_hits: int
    """All hits and other words, corrupt ones included: ``len(words) / words_per_hit``."""
    n_corrupt: int
    """Hits that nobody believes: those that fail the declaration's checks, and suspect ones."""
    words: Words
    """The raw words in order of arrival, bit for bit; ``words_per_hit`` of them for each hit."""
    n_suspect: int = 0
    """Hits that look sound, with times that can't be right: all of the chunk, or none. Such a
    chunk lies where the link's clock stood when they came."""
    places: NDArray[np.int64] | None = None
    """The number of each hit in the files that the run is taken from, if those are to be given back
    as they were."""

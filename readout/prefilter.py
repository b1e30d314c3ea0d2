"""The readout's optional selection: hits that it doesn't take are removed, and counted."""

from dataclasses import dataclass

import numpy as np

from db.chunk import Words
from db.detector import Detector, decode
from db.errors import SelectionError
from db.selection import names, to_numpy
from readout.unwrap import Mask, Ticks


@dataclass(frozen=True)
class Removed:
    """How many hits were removed, and the times of the earliest and the latest of them.

    Times are ticks since the run's start; if there were none they say nothing.
    """

    n_hits: int = 0
    t_first: int = np.iinfo(np.int64).max
    t_last: int = np.iinfo(np.int64).min

    def with_times(self, t: Ticks) -> "Removed":
        """The same, and hits of these times."""
        if not len(t):
            return self
        t_first, t_last = min(self.t_first, int(t.min())), max(self.t_last, int(t.max()))
        return Removed(self.n_hits + len(t), t_first, t_last)


class Prefilter:
    """A selection that decides which hits the readout keeps.

    Only sound hits are ever removed: corrupt words, and words that are no hits (segments, trigger
    words), are always kept, since a selection over a hit's fields says nothing about them. Raises
    SelectionError for a wrong expression, and for one over ``t``: which times to keep is for
    retention to say.
    """

    def __init__(self, detector: Detector, text: str) -> None:
        self._detector, self.text = detector, text
        self._node = detector.selection(text)
        if "t" in names(self._node):
            problem = "the readout can't select by time, all times come in: leave t out"
            raise SelectionError(problem, text, 0, len(text))
        self._columns = sorted(names(self._node) | {"hit", "corrupt"})

    def keep(self, words: Words) -> Mask:
        """True for each hit that stays."""
        columns = decode(self._detector, words, columns=self._columns)
        taken = to_numpy(self._node, columns)
        return taken | ~columns["hit"] | columns["corrupt"]

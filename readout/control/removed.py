"""How much was removed on purpose."""

from dataclasses import dataclass

import numpy as np

from readout.link.unwrap import Ticks


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

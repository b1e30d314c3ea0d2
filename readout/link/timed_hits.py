"""Hits of a link whose times are known."""

from dataclasses import dataclass, fields

import numpy as np

from db.detector.words import Words
from readout.link.unwrap import Mask, Ticks


@dataclass(frozen=True, eq=False)
class TimedHits:
    """Hits in order of arrival, and what is known of each."""

    words: Words
    """Shape (hits, words_per_hit); all below have the shape (hits,)."""
    t: Ticks
    epochs: Ticks
    sound: Mask
    corrupt: Mask

    def __getitem__(self, index: slice | Mask | Ticks) -> "TimedHits":
        return TimedHits(*(getattr(self, each.name)[index] for each in fields(self)))

    def __len__(self) -> int:
        return len(self.t)

    def followed_by(self, later: "TimedHits") -> "TimedHits":
        """These hits and then the others."""
        pairs = ((getattr(self, each.name), getattr(later, each.name)) for each in fields(self))
        return TimedHits(*map(np.concatenate, pairs))

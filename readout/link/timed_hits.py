"""Hits of a link whose times are known."""

from dataclasses import dataclass, fields
from typing import Any

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
    places: Ticks | None = None
    """The number of each hit in the files that are read, if that is kept."""

    def __getitem__(self, index: slice | Mask | Ticks) -> "TimedHits":
        return TimedHits(*(values[index] for values in self._values()))

    def __len__(self) -> int:
        return len(self.t)

    def followed_by(self, later: "TimedHits") -> "TimedHits":
        """These hits and then the others."""
        return TimedHits(*map(np.concatenate, zip(self._values(), later._values(), strict=True)))

    def _values(self) -> list[Any]:
        values = (getattr(self, each.name) for each in fields(self))
        return [each for each in values if each is not None]

"""Words whose times nothing around them bears out: a flipped bit in a time, most likely."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from db.detector import Detector
from db.time import duration_ticks
from readout.link.timed_hits import TimedHits
from readout.link.unwrap import Mask, Ticks

FAR, LONGEST_RUN = "10 s", "366 d"
_SIDE = 2
"""Sound words on either side of a word that are asked about it."""
_ELSEWHERE = 2**62
_MOST_HELD = 4096


class Suspects:
    """Tells the suspect words of a link from words that come after a silence.

    A sound word is suspect if it is far ahead of the link's clock and one of the next two words
    takes that back; or if it is far before the run's start, and as far from the two words on
    either side. Far is ten seconds, or the detector's disorder if that is longer. A word whose
    followers have not come is held until they have, and all hits that came after it, too.
    """

    def __init__(self, detector: Detector) -> None:
        self._far = max(detector.disorder, duration_ticks(FAR, detector.tick))
        self.longest = duration_ticks(LONGEST_RUN, detector.tick)
        """Ticks. A run is not longer: a word that says so is suspect, if no later one agrees."""
        self._held: TimedHits | None = None
        self._held_clock = self._before = np.zeros(0, np.int64)

    @property
    def held(self) -> int:
        """How many hits wait: the latest ones that came."""
        return 0 if self._held is None else len(self._held)

    @property
    def earliest_held(self) -> int:
        """The earliest time of a hit that waits; far in the future if none does."""
        return _ELSEWHERE if self._held is None else int(self._held.t.min())

    def judge(self, hits: TimedHits, clock: Ticks) -> tuple[TimedHits, Ticks, Mask]:
        """The hits that need not wait, where the clock stood at each, and which are suspect.

        ``clock`` is where the link's clock stood after each hit.
        """
        if self._held is None and not self._any_far(hits.t, clock):
            self._pass(hits.t)
            return hits, clock, np.zeros(len(hits), np.bool_)
        if self._held is not None:
            hits = self._held.followed_by(hits)
            clock = np.concatenate([self._held_clock, clock])
            self._held = None
        at = np.flatnonzero(hits.sound)
        wild, undecided = _judged(hits.t[at], clock[at], self._before, self._far)
        suspect = np.zeros(len(hits), np.bool_)
        suspect[at[wild]] = True
        stop = int(at[undecided][0]) if undecided.any() else len(hits)
        if len(hits) - stop > _MOST_HELD:  # its followers are slow to come
            suspect |= self._impossible(hits, clock)
            stop = len(hits)
        if stop < len(hits):
            self._held, self._held_clock = hits[stop:], clock[stop:]
        self._pass(hits.t[at[at < stop]])
        return hits[:stop], clock[:stop], suspect[:stop]

    def release(self) -> tuple[TimedHits, Ticks, Mask] | None:
        """The hits that wait, as ``judge`` gives them, though nothing has come after them.

        They are taken at their word, unless that would make the run longer than any run is.
        """
        if self._held is None:
            return None
        hits, clock, self._held = self._held, self._held_clock, None
        self._pass(hits.t[hits.sound])
        return hits, clock, self._impossible(hits, clock)

    def _any_far(self, t: Ticks, clock: Ticks) -> bool:
        if not len(t):
            return False
        return bool((t - clock).max() > self._far or t.min() < -self._far)

    def _pass(self, t: Ticks) -> None:
        self._before = np.concatenate([self._before, t[-_SIDE:]])[-_SIDE:]

    def _impossible(self, hits: TimedHits, clock: Ticks) -> Mask:
        beyond: Mask = hits.sound & (np.abs(hits.t - clock) > self.longest)
        return beyond


def _judged(t: Ticks, clock: Ticks, before: Ticks, far: int) -> tuple[Mask, Mask]:
    """Which of these sound words are suspect, and for which the next words will tell."""
    missing = np.full(_SIDE - len(before), _ELSEWHERE)
    row = np.concatenate([missing, before, t, np.full(_SIDE, _ELSEWHERE)])
    around = sliding_window_view(row, 2 * _SIDE + 1)
    others, later = np.delete(around, _SIDE, axis=1), around[:, _SIDE + 1 :]
    ahead, early = t - clock > far, t < -far
    taken_back = ahead & (later < (t - far)[:, None]).any(axis=1)
    lonely = early & (others > (t + far)[:, None]).all(axis=1)
    last = np.arange(len(t)) >= len(t) - _SIDE
    return taken_back | (lonely & ~last), last & ((ahead & ~taken_back) | lonely)

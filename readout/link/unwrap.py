"""One link's clock: word times on a wrapping counter become times that only grow."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from db.detector import Detector
from db.detector.words import Words
from db.kernel import kernel
from readout.link.word_times import word_times

Ticks = NDArray[np.int64]
Mask = NDArray[np.bool_]

_FOLLOWERS = 2
"""How many words must come after a jump ahead, without contradicting it, until it is believed.

The last of them may be the next wild one: the clock goes to the latest of the others.
"""
_NO_DOUBT = -1
_CAUSES = ("clock jumped back", "clock jumped ahead", "silence near a wrap")


@dataclass(frozen=True)
class Anomaly:
    """Words of a link whose times contradict its clock. They are stored all the same.

    ``at`` is the first such word's time in ticks since the run's start.
    """

    link: int
    cause: str
    at: int
    detail: str


def ignore(anomaly: Anomaly) -> None:
    """Tell nobody."""


class Unwrapper:
    """The clock of one link: the newest time that can be believed, and the wraps so far.

    A word is placed from an eighth of a wrap behind the clock to seven eighths ahead of it (more
    behind for a detector of great disorder), so times are right as long as no word is later, and no
    silence, with the two words behind it, longer than that. A word that is ahead of the clock by
    more than the detector's disorder moves it only after the next words did not contradict it: a
    single wild word never carries the clock away. The clock never goes back. A longer silence than
    that can't be told from a shorter one: what comes behind it is early by whole wraps, and it is
    reported that it was near ("silence near a wrap"), not that it was longer.

    ``origin`` is the run's start on the detector's counter; all other times are ticks since then.
    ``newest`` is where the clock starts. ``report`` is told of words that come later than the
    disorder allows ("clock jumped back"), of wild words ("clock jumped ahead") and of silences of
    more than half a wrap, once a block.
    """

    def __init__(
        self,
        detector: Detector,
        link: int,
        origin: int,
        newest: int = 0,
        report: Callable[[Anomaly], None] = ignore,
    ) -> None:
        self._link, self._origin, self._report = link, origin, report
        self._second = 1e9 / float(detector.tick)
        self._wrap, self._disorder = detector.wrap or 0, detector.disorder
        self._latest = min(self._wrap // 2, max(self._wrap // 8, 2 * self._disorder))
        self._state = np.array([newest, self._epoch_at(newest), 0, 0, 0, _NO_DOUBT, 0], np.int64)

    @property
    def newest(self) -> int:
        """The newest believed time."""
        return int(self._state[0])

    @property
    def epoch(self) -> int:
        """What must be added to the own time of a word as new as the clock."""
        return int(self._state[1])

    def place(self, time: int) -> int:
        """Return where a sound word of that own time would be placed next."""
        t = time + self.epoch
        if self._wrap and not -self._latest <= t - self.newest < self._wrap - self._latest:
            t += -self._wrap if t > self.newest else self._wrap
        return t

    def follow(
        self, times: Ticks, sound: Mask, epoch: int | None = None, clock: Ticks | None = None
    ) -> tuple[Ticks, Ticks]:
        """Times since the run's start, and the epochs in them, word by word; the clock moves on.

        ``times`` are the words' own times in order of arrival. A sound word's time is its own plus
        its epoch. A word that is not sound leaves the clock alone and takes time and epoch from
        it. ``epoch``, if the source knows it, is taken as it is (for a counter that doesn't wrap).
        ``clock``, if given, is filled with where the clock stands after each word.
        """
        if epoch is not None:
            self._state[1] = self._state[3] = epoch  # also of a jump that is still in doubt
        if clock is None:
            clock = np.empty(0, np.int64)
        t, epochs = np.empty_like(times), np.empty_like(times)
        odd = np.zeros((len(_CAUSES), 4), np.int64)
        limits = self._wrap, self._latest, self._disorder
        _follow(times, sound, *limits, self._state, t, epochs, clock, odd)
        for cause, row in zip(_CAUSES, odd, strict=True):
            count, word, at, most = (int(number) for number in row)
            if count:
                far = f"by up to {most / self._second:.6g} s"
                detail = f"{far} in {count} words from word {word} on"
                self._report(Anomaly(self._link, cause, at, detail))
        return t, epochs

    def advance(self, newest: int) -> None:
        """Let the clock of a silent link stand at ``newest``, if that is later."""
        if newest > self.newest:
            self._state[0] = newest
            if self._wrap:
                self._state[1] = self._epoch_at(newest)

    def settle(self, most: int = 2**62) -> None:
        """Believe the last jump ahead, unless it is by more than ``most`` ticks: no word will come
        any more that could contradict it."""
        if self._state[5] != _NO_DOUBT:
            if self._state[2] - self._state[0] <= most:
                self._state[:2] = self._state[2:4]
            self._state[5] = _NO_DOUBT

    def _epoch_at(self, newest: int) -> int:
        turns = (newest + self._origin) // self._wrap if self._wrap else 0
        return turns * self._wrap - self._origin


_FAR = 100


def run_start(detector: Detector, words: Words) -> int:
    """Where on the detector's counter a run starts whose first words these are.

    That is before the words by the disorder, or by a slice if that is longer, so that no word of
    any link lies before the run. One wild word among the first three does no harm; if none carries
    a time, it is 0. Words of a slow detector may be far apart: on a counter that never wraps the
    earliest of the three counts, unless it is a hundred times as far from the others as that.
    """
    times, sound, _ = word_times(detector)(words)
    first = times[sound][:3]
    if not len(first):
        return 0
    # Around the first of them, so that a wrap between them doesn't tear them apart.
    wrap = detector.wrap or 0
    away = first - first[0]
    if wrap:
        away = (away + wrap // 2) % wrap - wrap // 2
    before = max(detector.disorder, detector.slice)
    away = np.sort(away)
    middle = away[len(away) // 2]
    alike = detector.wrap is None and middle - away[0] <= _FAR * before
    return int(first[0] + (away[0] if alike else middle)) - before


@kernel()
def _follow(
    times: Ticks,
    sound: Mask,
    wrap: int,
    latest: int,
    disorder: int,
    state: Ticks,
    t: Ticks,
    epochs: Ticks,
    clock: Ticks,
    odd: Ticks,
) -> None:
    """Fill ``t``, ``epochs`` and ``clock``, move ``state`` on, count what is odd.

    ``state``: the newest time and its epoch; time, epoch and number of the latest of the words
    whose jump ahead is in doubt, and how many followed the first; the words seen so far. ``odd``:
    count, number and time of the first, and greatest distance of the words behind the clock; the
    same of the jumps ahead that were contradicted; of those that were believed and are longer than
    half a wrap.
    """
    newest, base, ahead, ahead_base, ahead_word, followers, seen = state
    behind, wild, silent = odd
    for i in range(len(times)):
        time, epoch = newest, base
        if sound[i]:
            time = times[i] + base
            if wrap > 0 and not -latest <= time - newest < wrap - latest:
                epoch += -wrap if time > newest else wrap
                time = times[i] + epoch
            if followers != _NO_DOUBT:
                followers += 1
                if time < ahead - disorder:
                    followers = _NO_DOUBT
                    _count(wild, ahead_word, ahead, ahead - newest)
                elif followers == _FOLLOWERS:
                    followers = _NO_DOUBT
                    if ahead > newest:
                        if 0 < wrap < 2 * (ahead - newest):
                            _count(silent, ahead_word, ahead, ahead - newest)
                        newest, base = ahead, ahead_base
                elif time > ahead:
                    ahead, ahead_base, ahead_word = time, epoch, seen + i
            if time - newest > disorder:
                if followers == _NO_DOUBT:
                    ahead, ahead_base, ahead_word, followers = time, epoch, seen + i, 0
            else:
                if newest - time > disorder:
                    _count(behind, seen + i, time, newest - time)
                base = epoch if time > newest else base
                newest = max(newest, time)
        t[i], epochs[i] = time, epoch
        if len(clock) > 0:
            clock[i] = newest
    state[:] = newest, base, ahead, ahead_base, ahead_word, followers, seen + len(times)


@kernel()
def _count(row: Ticks, word: int, time: int, distance: int) -> None:
    if row[0] == 0:
        row[1], row[2] = word, time
    row[0] += 1
    row[3] = max(row[3], distance)

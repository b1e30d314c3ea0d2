"""Several files as one run: each goes on where the one before ended, or its clock starts anew."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from db.detector import Detector
from db.errors import SourceError
from readout.link.unwrap import Ticks, Unwrapper
from readout.link.word_times import word_times
from readout.link.wraps import longest_silence
from readout.source.block import Block

_FAR = 100


@dataclass(frozen=True)
class Pause:
    """Times [a, b), in ticks, between files, in which nobody wrote what a link did."""

    link: int
    a: int
    b: int


def in_series(
    files: Sequence[tuple[str, Iterable[Block]]],
    detector: Detector,
    origin: int,
    begins: Sequence[int] = (),
    *,
    after: bool = False,
    paused: Callable[[Pause], None] = lambda pause: None,
) -> Iterator[Block]:
    """Yield the blocks of all files, those of a clock that starts anew behind what was before.

    ``origin`` is the run's start on the detector's counter. A file starts anew if the first hits of
    a link lie before the end of the same link's hits in earlier files, by more than the detector's
    disorder, or so far ahead that the counter would have been silent for half a wrap. With
    ``after`` it follows the files before it at once. ``begins`` says of each file but the first
    when its first hit came, in ticks since the run's start; ``paused`` hears of the time between,
    for each link. Sources that know their epochs are taken as they are.

    Raises SourceError for a file that starts anew if nothing says when it began.
    """
    clocks: dict[int, Unwrapper] = {}
    times_of = word_times(detector)
    for k, (name, blocks) in enumerate(files):
        met, epoch, decided = set[int](), None, not clocks
        said = begins[k - 1] if begins and k else None
        end = max((clock.newest for clock in clocks.values()), default=0)
        for block in blocks:
            link = block.link
            times, sound, _ = times_of(block.words)
            if block.epoch is None and link not in met and sound.any():
                own = _earliest(times[sound][:3], detector)
                if block.suppressed:  # frames without hits, before the first one that has some
                    own = min(own, block.suppressed.a)
                if not decided and (link in clocks or said is not None):
                    if said is not None:
                        epoch = _checked(name, detector, said, end) - own
                    elif anew := _anew(detector, clocks[link], own):
                        if not after:
                            raise SourceError(f"{name}: {anew}")
                        epoch = end + 1 - own
                    decided = True
                if epoch is not None:
                    block = replace(block, epoch=epoch)
                    if link in clocks and clocks[link].newest + 1 < epoch + own:
                        paused(Pause(link, clocks[link].newest + 1, epoch + own))
                met.add(link)
            clock = clocks.setdefault(link, Unwrapper(detector, link, origin))
            clock.follow(times, sound, block.epoch)
            if block.suppressed:
                clock.advance(clock.place(block.suppressed.b - 1))
            yield block
        for clock in clocks.values():  # of this file no word comes that could contradict its last
            clock.settle((detector.wrap or 2**62) // 2)


def _earliest(first: Ticks, detector: Detector) -> int:
    """Return the earliest of a file's first times on its counter; a wild one does not count."""
    away, wrap = first - first[0], detector.wrap or 0
    if wrap:  # so that a wrap between them doesn't tear them apart
        away = (away + wrap // 2) % wrap - wrap // 2
    away = np.sort(away)
    middle = away[len(away) // 2]
    alike = middle - away[0] <= _FAR * max(detector.disorder, detector.slice)
    return int(first[0] + (away[0] if alike else middle))


def _checked(name: str, detector: Detector, begin: int, end: int) -> int:
    """Return when a file began; SourceError where that can't be, as the ones before it ended."""
    second = 1e9 / float(detector.tick)
    most = longest_silence(detector)
    if most is not None and begin - end >= most:
        raise SourceError(
            f"{name}: it began {(begin - end) / second:.6g} s after the files before it, and the"
            f" counter tells {most / second:.6g} s at most: take it into a run of its own"
        )
    if begin < end - detector.disorder:
        raise SourceError(
            f"{name}: it can't begin {(end - begin) / second:.6g} s before the files before it end:"
            " name them in order of time"
        )
    return begin


def _anew(detector: Detector, clock: Unwrapper, own: int) -> str:
    """Return why a link's clock must have started anew; nothing if it goes on."""
    ahead = clock.place(own) - clock.newest
    if -detector.disorder <= ahead and not (detector.wrap and ahead > detector.wrap // 2):
        return ""
    return (
        "its clock starts anew: its first hits lie"
        f" {abs(ahead) * float(detector.tick) * 1e-9:.6g} s {'before' if ahead < 0 else 'after'}"
        " the end of the files before it; say --after if it follows them at once, or --at TIME when"
        " it began"
    )

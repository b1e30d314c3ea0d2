"""Whether words look like those of their detector: the first thousand hits tell."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from db.detector import Detector, available, decode, load
from db.detector.words import Words
from readout.source.block import Block

ENOUGH_HITS = 1000
_LEAST_SOUND = 0.25
"""Random bits give less in every declaration that ships; data of a telescope twice as much."""
_FEW_STEPS = 3
"""So many steps that are out of order are no accident."""
_FEW_HITS = 8
_YEAR_NS = 31_557_600 * 10**9


@dataclass(frozen=True)
class Doubt:
    """Why words can't be those of a detector."""

    reason: str
    sure: bool = True
    """False where too little speaks against them to refuse them for that alone."""


def doubt(words: Words, detector: Detector) -> Doubt | None:
    """What speaks against these whole hits, taken as a link's first: None if nothing does.

    Sound words are hits, differ from each other, and each link's times grow: back by no more than
    the detector's disorder, ahead by no more than its counter can tell, nor than a year. Where the
    counter starts doesn't matter.
    """
    if few := enough_hits(words, detector):
        return few
    hits = words.reshape(-1, detector.words_per_hit)
    distinct = len(np.unique(hits, axis=0))
    if len(hits) > 2 and distinct <= max(1, len(hits) // 4):
        return Doubt(f"its first {len(hits)} hits are {distinct} repeated ones")
    names = ["timed", "corrupt", "t", *(["link"] if detector.link is not None else [])]
    found = decode(detector, words, columns=names)
    timed = found["timed"] & ~found["corrupt"]
    links = found["link"][timed] if "link" in found else np.zeros(timed.sum(), np.uint8)
    steps = _steps(found["t"][timed], links, detector.wrap)
    wrong = int(np.count_nonzero((steps < -detector.disorder) | (steps > _furthest(detector))))
    if len(steps) and not wrong:
        strange = float(np.mean((hits & ~_declared_bits(detector)).any(axis=1)))
        if strange < 0.5:
            return None
        return Doubt(f"bits that are no field's are set in {strange:.0%} of its hits", sure=False)
    reason = f"its first times are no link's of {detector.name}: {wrong} of {len(steps)} steps"
    sure = wrong >= _FEW_STEPS and wrong > len(steps) // 4
    return Doubt(f"{reason} lead back or too far ahead", sure)


def looks_like(words: Words, detector: Detector | None = None) -> str:
    """Which other declaration, or byte order, these words fit: what to try, or nothing."""
    if detector is not None and doubt(words.byteswap(), detector) is None:
        return "they look big-endian: swap their bytes"
    own = None if detector is None else detector.name
    for other in (load(name) for name in available() if name != own):
        whole = words[: len(words) // other.words_per_hit * other.words_per_hit]
        if len(whole) and doubt(whole, other) is None:
            return f"they look like {other.name}: try --detector {other.name}"
    return ""


def enough_hits(words: Words, detector: Detector) -> Doubt | None:
    """What speaks against a text dump's words, whose times may be any: too few sound hits."""
    found = decode(detector, words, columns=["hit", "corrupt"])
    share = float(np.mean(found["hit"] & ~found["corrupt"])) if len(words) else 1.0
    if share >= _LEAST_SOUND:
        return None
    reason = f"only {share:.0%} of its first words are sound hits of {detector.name}"
    return Doubt(reason, sure=len(found["hit"]) >= _FEW_HITS)


def judged(
    blocks: Iterable[Block], detector: Detector, check: Callable[[Words], None]
) -> Iterator[Block]:
    """The same blocks; ``check`` sees the first thousand hits, or all if there are fewer.

    It does so before the thousandth is handed on.
    """
    first: list[Words] = []
    seen = 0
    for block in blocks:
        if seen < ENOUGH_HITS:
            first.append(block.words)
            seen += len(block.words) // detector.words_per_hit
            if seen >= ENOUGH_HITS:
                check(np.concatenate(first))
        yield block
    if 0 < seen < ENOUGH_HITS:
        check(np.concatenate(first))


def _steps(t: NDArray[np.int64], links: NDArray[Any], wrap: int | None) -> NDArray[np.int64]:
    """From each word's time to the next one's of the same link, across wraps the shorter way."""
    if 4 * len(np.unique(links)) > len(links):
        links = np.zeros_like(links)  # so many links tell nothing one by one
    order = np.argsort(links, kind="stable")
    steps: NDArray[np.int64] = np.diff(t[order])[np.diff(links[order]) == 0]
    if wrap is not None:
        steps = (steps + wrap // 2) % wrap - wrap // 2
    return steps


def _declared_bits(detector: Detector) -> Words:
    """The bits of a hit's words that are any field's."""
    mask = np.zeros(detector.words_per_hit, np.uint64)
    for field in detector.fields:
        mask[field.word] |= np.uint64((2**field.width - 1) << field.low)
    return mask


def _furthest(detector: Detector) -> int:
    """The longest silence, in ticks, that is taken for one: half of what can be told."""
    counts = detector.time.hi + 1 if detector.wrap is None else detector.wrap
    return min(counts // 4, round(_YEAR_NS / detector.tick))

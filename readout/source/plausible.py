"""Does a stream look like its detector's words? The first thousand hits tell."""

from collections.abc import Iterable, Iterator

import numpy as np

from db.detector import Detector, available, decode, load
from db.errors import SourceError
from db.words.chunk import Words
from readout.source.block import Block

_ENOUGH_HITS = 1000
_LEAST_SOUND = 0.25
"""Random bits give less in every declaration that ships; data of a telescope twice as much."""


def plausible(blocks: Iterable[Block], detector: Detector, name: str) -> Iterator[Block]:
    """The same blocks, if enough of the first words are sound hits of this detector.

    The verdict falls before the thousandth hit is handed on, or at the end of a shorter stream.
    Raises SourceError, which names the declaration that fits better if there is one.
    """
    first: list[Words] = []
    seen = 0
    for block in blocks:
        if seen < _ENOUGH_HITS:
            first.append(block.words)
            seen += len(block.words) // detector.words_per_hit
            if seen >= _ENOUGH_HITS:
                _judge(np.concatenate(first), detector, name)
        yield block
    if 0 < seen < _ENOUGH_HITS:
        _judge(np.concatenate(first), detector, name)


def _judge(words: Words, detector: Detector, name: str) -> None:
    share = _sound_share(words, detector)
    if share >= _LEAST_SOUND:
        return
    others = [load(other) for other in available() if other != detector.name]
    fits = {other.name: _sound_share(words, other) for other in others}
    best = max(fits, key=lambda other: fits[other], default="")
    better = best and fits[best] >= max(0.5, 2 * share)
    hint = f"they look like {best}: try --detector {best}, or" if better else "if it is right, give"
    raise SourceError(
        f"{name}: only {share:.0%} of its first words are sound hits of {detector.name};"
        f" {hint} --force to take them as they are"
    )


def _sound_share(words: Words, detector: Detector) -> float:
    n_hits = len(words) // detector.words_per_hit
    verdict = decode(detector, words[: n_hits * detector.words_per_hit], columns=["hit", "corrupt"])
    return float(np.mean(verdict["hit"] & ~verdict["corrupt"])) if n_hits else 0.0

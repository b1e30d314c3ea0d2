"""Which hits the readout doesn't keep, and why: masks, the prefilter, prescales."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from db.detector import Detector, decode
from db.detector.words import Words
from db.errors import SelectionError
from db.selection import names, to_numpy
from readout.control.configuration import Configuration, Prescale
from readout.link.unwrap import Mask, Ticks


@dataclass(frozen=True)
class Rule:
    """Why a hit was removed, as it is booked."""

    cause: str
    """mask, prefilter or prescale."""
    text: str


class Rules:
    """A configuration, made ready for a detector's words.

    Only sound hits are ever removed: corrupt words, and words that are no hits (segments, trigger
    words), are always kept, since a selection over a hit's fields says nothing about them. The
    first rule that removes a hit is the one that is booked: masks, the prefilter, prescales.

    Which hits a prescale keeps follows from the hit alone, its words and its time in the run, by a
    hash: the same hits however they come in blocks and however often a readout starts again.

    Raises SelectionError for a wrong expression, and for one over ``t``: which times to keep is
    for retention to say.
    """

    def __init__(self, detector: Detector, configuration: Configuration) -> None:
        self._detector, self.configuration = detector, configuration
        asked = [(Rule("mask", text), text, 0) for text in configuration.masks]
        if configuration.prefilter:
            asked.append((Rule("prefilter", configuration.prefilter), configuration.prefilter, 0))
        asked += [
            (prescale_rule(each), each.where, each.keep_1_in) for each in configuration.prescales
        ]
        self._asked = [(rule, _node(detector, text), n) for rule, text, n in asked]
        used = frozenset[str]().union(*(names(node) for _, node, _ in self._asked))
        self._columns = sorted(used | {"hit", "corrupt"})

    def removed(self, words: Words, t: Ticks) -> list[tuple[Rule, Mask]]:
        """For each rule True where it removes a hit; each hit is removed by one rule at most.

        ``t`` are the hits' times in ticks since the run's start.
        """
        if not self._asked:
            return []
        columns = decode(self._detector, words, columns=self._columns)
        here = columns["hit"] & ~columns["corrupt"]
        found = []
        for rule, node, keep_1_in in self._asked:
            taken = here & to_numpy(node, columns)
            if rule.cause == "prefilter":
                out = here & ~taken
            elif rule.cause == "prescale":
                out = taken
                out[out] = _hash(self._detector, words, t, out) % np.uint64(keep_1_in) != 0
            else:
                out = taken
            here = here & ~out
            found.append((rule, out))
        return found


def prescale_rule(prescale: Prescale) -> Rule:
    """Return what is booked of a prescale."""
    return Rule("prescale", f"1 in {prescale.keep_1_in} of {prescale.where}")


def keeping(detector: Detector, text: str) -> Rules:
    """Return rules that keep the hits of a selection."""
    return Rules(detector, Configuration(prefilter=text))


def _node(detector: Detector, text: str):  # type: ignore[no-untyped-def]
    node = detector.selection(text, channel=True)
    if "t" in names(node):
        problem = "the readout can't select by time, all times come in: leave t out"
        raise SelectionError(problem, text, 0, len(text))
    return node


def _hash(detector: Detector, words: Words, t: Ticks, which: Mask) -> NDArray[np.uint64]:
    """A number for each chosen hit, as good as random, of its words and its time."""
    mixed = _mix(t[which].view(np.uint64))
    hits = words.reshape(-1, detector.words_per_hit)[which]
    for column in range(detector.words_per_hit):
        mixed = _mix(mixed ^ hits[:, column])
    return mixed


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))

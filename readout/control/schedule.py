"""Which rules hold when: each from a tick of the run on."""

from bisect import insort
from dataclasses import dataclass, field

import numpy as np

from db.detector.words import Words
from readout.control.rules import Rule, Rules
from readout.link.unwrap import Mask, Ticks


@dataclass
class Schedule:
    """Rules by the tick from which they hold; before the first of them nothing is removed.

    A hit is judged by its own time, not by when it came: which configuration a hit met follows
    from the record of the run.
    """

    steps: list[tuple[int, Rules]] = field(default_factory=list)
    """In order of their ticks."""

    def add(self, from_t: int, rules: Rules) -> None:
        """Let rules hold from a tick on, for good or until others follow."""
        insort(self.steps, (from_t, rules), key=lambda step: step[0])

    def removed(self, words: Words, t: Ticks) -> list[tuple[Rule, Mask]]:
        """For each rule True where it removes one of these hits; see ``Rules.removed``."""
        if not self.steps or not len(t):
            return []
        begins = [from_t for from_t, _ in self.steps]
        if t.min() >= begins[-1]:  # nearly always
            return self.steps[-1][1].removed(words, t)
        which = np.searchsorted(begins, t, side="right") - 1
        found = []
        for n in np.unique(which[which >= 0]).tolist():
            chosen = which == n
            some = words.reshape(len(t), -1)[chosen].reshape(-1)
            for rule, out in self.steps[n][1].removed(some, t[chosen]):
                whole = np.zeros(len(t), np.bool_)
                whole[chosen] = out
                found.append((rule, whole))
        return found


def always(rules: Rules) -> Schedule:
    """Return a schedule of rules that never change."""
    return Schedule([(-(2**63), rules)])

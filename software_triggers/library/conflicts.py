"""A choice among candidates that share items."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from db.kernel import kernel

ROUNDS = 3
"""Rounds of choosing. More would settle longer chains of rivals, and each widens the reach."""


@kernel()
def survivors(members: NDArray[Any], cost: NDArray[Any], n_items: int) -> NDArray[Any]:
    """Return which candidates stay when an item may serve in one candidate only.

    ``members`` (n, w) are the items (0 .. n_items - 1) of each candidate, negative where it has
    fewer than w; ``cost`` (n,) ranks them, lower is better, the earlier one where costs are equal.

    In each of ``ROUNDS`` rounds a candidate that beats all its rivals (those with an item in
    common) is kept and its rivals go; what is then still undecided goes too. Best-first over all
    candidates would let a decision depend on others arbitrarily far away. Here, a candidate's
    fate depends only on candidates within 2 * ROUNDS - 1 steps from rival to rival.
    """
    n, width = members.shape
    kept = np.zeros(n, np.bool_)
    alive = np.ones(n, np.bool_)
    holder = np.empty(n_items, np.int64)
    for _ in range(ROUNDS):
        holder[:] = -1
        undecided = 0
        for c in range(n):
            for k in range(width):
                i = members[c, k]
                if alive[c] and i >= 0 and (holder[i] < 0 or cost[c] < cost[holder[i]]):
                    holder[i] = c
        for c in range(n):
            wins = alive[c]
            for k in range(width):
                i = members[c, k]
                wins &= i < 0 or holder[i] == c
            kept[c] |= wins
        for c in range(n):
            for k in range(width):
                i = members[c, k]
                alive[c] &= i < 0 or not kept[holder[i]]
            undecided += alive[c]
        if not undecided:
            break
    return kept

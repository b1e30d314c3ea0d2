"""The rule by which rivals are settled, once more: slow, with sets."""

from collections.abc import Sequence


def settle(members: Sequence[frozenset[int]], cost: Sequence[float], rounds: int) -> set[int]:
    alive, kept = set(range(len(members))), set()
    for _ in range(rounds):
        winners = {
            c
            for c in alive
            if all(
                (cost[c], c) <= (cost[other], other)
                for other in alive
                if members[c] & members[other]
            )
        }
        kept |= winners
        alive = {c for c in alive if not any(members[c] & members[w] for w in winners)}
    return kept

"""Counts the words of each channel in each chunk, in a pass over the words."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from db.detector.detector import Detector
from db.detector.loop import compiled
from db.detector.words import Words
from db.selection import names
from db.selection.to_loop import to_loop

# A table of the channels that a chunk has shown so far, found by a multiplicative hash (Knuth, The
# Art of Computer Programming 3, section 6.4): a chunk has hundreds of channels, not thousands, so
# that the part of it that is touched stays in the cache.
_LOOP = """\
def loop(hits, lengths, keys, tallies, used, ends, channels, sound, counts, shift, {arguments}):
    n = stop = 0
    for chunk in range(len(lengths)):
        first, start, stop = n, stop, stop + lengths[chunk]
        for i in range(start, stop):
            {words}
            {fields}
            key = (u8({channel}) << u8(1) | u8(({hit}) and not ({corrupt}))) + u8(1)
            at = (key * u8(0x9E3779B97F4A7C15)) >> shift
            while keys[at] != key and keys[at] != u8(0):
                at = (at + u8(1)) & u8(len(keys) - 1)
            if keys[at] == u8(0):
                keys[at] = key
                used[n - first] = at
                n += 1
            tallies[at] += 1
        for k in range(n - first):
            at = used[k]
            key = keys[at] - u8(1)
            channels[first + k], sound[first + k] = key >> u8(1), key & u8(1)
            counts[first + k] = tallies[at]
            keys[at] = tallies[at] = 0
        ends[chunk] = n
    return n
"""


@dataclass(frozen=True, eq=False)
class Tally:
    """Words counted by chunk and channel, sound hits apart from other words."""

    offsets: NDArray[np.int32]
    """Where each chunk's entries begin, and where the last one's end: shape (chunks + 1,)."""
    channels: NDArray[np.uint64]
    sound: NDArray[np.bool_]
    counts: NDArray[np.uint32]


@cache
def tally(detector: Detector) -> Callable[[Words, NDArray[np.int64]], Tally]:
    """Return a function from the words of chunks, and the number of hits in each, to their Tally.

    Channels are what the declaration calls so. Compiling takes a second, once on a machine.
    """
    nodes = {name: detector.nodes[name] for name in ("channel", "hit", "corrupt")}
    fields = {field.name for field in detector.fields}
    used = frozenset().union(*(names(node) for node in nodes.values())) & fields
    tables: list[NDArray[Any]] = []
    text = _LOOP.format(
        words="; ".join(f"_w{k} = hits[i, {k}]" for k in range(detector.words_per_hit)),
        fields="; ".join(
            f"_{name} = {to_loop(detector.nodes[name], tables)}" for name in sorted(used)
        )
        or "pass",
        **{name: to_loop(node, tables) for name, node in nodes.items()},
        arguments=", ".join(f"table{k}" for k in range(len(tables))),
    )
    loop = compiled(text)

    def count(words: Words, lengths: NDArray[np.int64]) -> Tally:
        hits = words.reshape(-1, detector.words_per_hit)
        most = int(lengths.max(initial=0))
        bits = max(1, most).bit_length() + 1
        keys, tallies = np.zeros(1 << bits, np.uint64), np.zeros(1 << bits, np.uint32)
        used = np.empty(most, np.int64)
        offsets = np.zeros(len(lengths) + 1, np.int32)
        channels, sound = np.empty(len(hits), np.uint64), np.empty(len(hits), np.bool_)
        counts = np.empty(len(hits), np.uint32)
        out = offsets[1:], channels, sound, counts
        n = loop(hits, lengths, keys, tallies, used, *out, np.uint64(64 - bits), *tables)
        return Tally(offsets, channels[:n], sound[:n], counts[:n])

    return count

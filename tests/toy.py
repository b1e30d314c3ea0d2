"""Detectors made for tests: a counter that wraps after 4096 ticks, words that know their number."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from db.detector import loads
from db.detector.words import Words

TOY = loads("""
name = "toy"
title = "A counter, and a number to know every word by"

[fields]
time = { bits = [0, 23] }
kind = { bits = [24, 25] }
number = { bits = [32, 63] }

[clock]
tick_ns = 1
time = "time"
wrap = "2**12"
disorder = "200 ns"
slice = "500 ns"

# kind: 0 is a hit, 1 a hit gone wrong, 2 some other word with a time, 3 one without.
[words]
hit = "kind < 2"
timed = "kind != 3"
corrupt = "kind == 1"
""")

# A counter of ns that wraps in nobody's life.
LONG = loads("""
name = "long"
title = "A time of 61 bits and a channel"

[fields]
ts = { bits = [0, 60] }
ch = { bits = [61, 63] }

[clock]
tick_ns = 1
time = "ts"
wrap = "2**61"
disorder = "1 us"
slice = "100 ms"
""")

NO_WRAP = replace(TOY, wrap=None)

WRAP, DISORDER, SLICE = 4096, 200, 500
HIT, CORRUPT, SEGMENT, UNTIMED = range(4)


def toy_words(times: Sequence[int], kinds: Sequence[int] = (), wrap: int = WRAP) -> Words:
    """Words with these true times, numbered in order of arrival."""
    time = np.array(times, np.int64) % wrap
    kind = np.array(kinds or [HIT] * len(time), np.int64)
    return (np.arange(len(time)) << 32 | kind << 24 | time).astype(np.uint64)

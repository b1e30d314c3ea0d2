"""Words of drift tubes, and what they mean by Python's own evaluation of the declaration."""

import tomllib

import numpy as np

from db.detector import load

TUBES = load("drift_tubes_v2")
DECLARED = tomllib.loads(TUBES.source)
FLOATS = {"x_mm", "z_mm"}


def lookup(index, *values):
    return values[0][index] if isinstance(values[0], list) else values[index]


ORACLE = {"__builtins__": {}, "abs": abs, "min": min, "max": max, "lookup": lookup}


def hit_of(word):
    """Fields and integer columns of a word, by the declaration's own text and Python's integers."""
    hit = {}
    for name, place in DECLARED["fields"].items():
        low, high = place["bits"]
        hit[name] = word >> low & (1 << high - low + 1) - 1
    for name, text in DECLARED["columns"].items():
        if name not in FLOATS:
            hit[name] = eval(text, ORACLE | DECLARED["tables"], hit)
    return hit


def meets(text, word):
    return bool(eval(text, ORACLE | DECLARED["tables"], hit_of(word)))


def words_of(seed, n):
    """Words of all sorts: random bits, and small values in the fields that lie highest."""
    random = np.random.default_rng(seed)
    words = random.integers(0, 2**64, n, dtype=np.uint64)
    words[::2] &= ~(np.uint64(0xFFFFF0F0) << np.uint64(12))
    words[:2] = 0, 2**64 - 1
    return words

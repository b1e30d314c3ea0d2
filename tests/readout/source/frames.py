"""Frames for tests, and what comes of blocks."""

import numpy as np

from db.words.frame import WORDS, Header


def frame(first, words, link=0, stream=1, kind=WORDS) -> bytes:
    words = np.asarray(words, np.uint64)
    return Header(kind, link, stream, len(words), first).pack() + words.tobytes()


def counted(first, n, link=0):
    """Words that know their link and their place."""
    return np.arange(first, first + n, dtype=np.uint64) + np.uint64(link << 40)

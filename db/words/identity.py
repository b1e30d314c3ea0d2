"""Which chunk it is, as a number that is the same wherever its header lies."""

import numpy as np
from numpy.typing import NDArray

# The increment and the finalizer of SplitMix64: G. Steele, D. Lea, C. Flood, "Fast splittable
# pseudorandom number generators", OOPSLA 2014; every output bit hangs on every input bit.
_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def chunk_ids(link: NDArray[np.uint16], seq: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return a hash for each chunk of a run, from its link and its number on that link.

    Sums of them, modulo 2**64, tell sets of chunks apart: what a window was made from. They are
    ``mix(mix(link + step) + seq)``, where ``mix`` is SplitMix64's finalizer.
    """
    return _mix(_mix(link.astype(np.uint64) + _STEP) + seq.astype(np.uint64))


def _mix(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    z = (z ^ (z >> np.uint64(30))) * _FIRST
    z = (z ^ (z >> np.uint64(27))) * _SECOND
    return z ^ (z >> np.uint64(31))

"""Random numbers by quantiles from a table."""

from functools import cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

LARGEST_NORMAL = 4.33
"""No ``normal`` is further from 0."""
LARGEST_EXPONENTIAL = 11.79
"""No ``exponential`` is larger."""


def normal(rng: np.random.Generator, n: int) -> NDArray[np.float32]:
    """Normal deviates of mean 0 and standard deviation 1.

    They are drawn from 65,536 quantiles, which bounds them, and is four times as fast as NumPy's.
    """
    return _normal_quantiles().take(_random_u16(rng, n))


def exponential(rng: np.random.Generator, n: int) -> NDArray[np.float32]:
    """Exponential deviates of mean 1, drawn like the normal ones."""
    return _exponential_quantiles().take(_random_u16(rng, n))


def chosen(rng: np.random.Generator, n: int, share: float) -> NDArray[np.int64]:
    """Which of n things are chosen, if each is with this chance; in no order, and some twice."""
    times = int(rng.poisson(-n * np.log1p(-share)))
    return rng.integers(0, max(1, n), times, np.int64)


def _random_u16(rng: np.random.Generator, n: int) -> NDArray[np.uint16]:
    return rng.integers(0, 2**64, n // 4 + 1, np.uint64).view(np.uint16)[:n]


def _probabilities() -> NDArray[np.float64]:
    return (np.arange(2**16) + 0.5) / 2**16


@cache
def _normal_quantiles() -> NDArray[np.float32]:
    return np.fromiter(map(NormalDist().inv_cdf, _probabilities()), np.float32)


@cache
def _exponential_quantiles() -> NDArray[np.float32]:
    return -np.log1p(-_probabilities()).astype(np.float32)

"""A process of its own for a look into a store: one process opens one embedded store."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, TypeVar

T = TypeVar("T")


def elsewhere(look: Callable[..., T], *given: Any) -> T:
    """Return what the function returns, called in a new process."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(look, *given).result(60)

"""Windows of time, and how they are cut."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Ticks = NDArray[np.int64]


@dataclass(frozen=True)
class Window:
    """The times [a, b) in ticks that one task owns: rows with t inside are its to give."""

    a: int
    b: int

    def widened(self, reach: int) -> "Window":
        """Return what must be read so that everything in the window comes out right."""
        return Window(self.a - reach, self.b + reach)

    def cells(self, cell: int) -> range:
        """Return the cells of ``cell`` ticks that it touches."""
        return range(self.a // cell, -(-self.b // cell))


def of_cells(first: int, stop: int, cell: int) -> Window:
    """Return the window that covers cells [first, stop) of a grid of ``cell`` ticks."""
    return Window(first * cell, stop * cell)


def cells_near(t_first: Ticks, t_last: Ticks, horizon: int, cell: int) -> Ticks:
    """Return in order the cells that see any of the ranges [t_first, t_last], ends included, when
    they look ``horizon`` ticks beyond their own."""
    order = np.argsort(t_first, kind="stable")
    low = (t_first[order] - horizon) // cell
    high = np.maximum.accumulate((t_last[order] + horizon) // cell + 1)
    # Ranges that touch are one: a long horizon must not list its cells for each chunk.
    new = np.append(True, low[1:] > high[:-1])[: len(low)]
    first, stop = low[new], high[np.append(new[1:], True)[: len(high)]]
    n = stop - first
    nth: Ticks = np.arange(int(n.sum())) - np.repeat(np.cumsum(n) - n, n)
    cells: Ticks = nth + np.repeat(first, n)
    return cells


def cut(window: Window, n_read: int, most: int) -> Iterator[Window]:
    """Cut a window into equal parts that bring ``most`` words and rows into memory each, or less.

    Where results don't depend on the tiling, this costs nothing but margins read twice.
    """
    parts = max(1, min(-(-n_read // most), window.b - window.a))
    edges = [window.a + (window.b - window.a) * k // parts for k in range(parts + 1)]
    for a, b in pairwise(edges):
        yield Window(a, b)


def hull(windows: Iterable[Window]) -> Window:
    """Return the shortest window that covers all of at least one."""
    windows = list(windows)
    return Window(min(w.a for w in windows), max(w.b for w in windows))

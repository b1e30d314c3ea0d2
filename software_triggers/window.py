from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Window:
    """The times [a, b) in ticks that one task owns: rows with t inside are its to give."""

    a: int
    b: int

    def widened(self, reach: int) -> "Window":
        """Return what must be read so that everything in the window comes out right."""
        return Window(self.a - reach, self.b + reach)


def of_cells(first: int, stop: int, cell: int) -> Window:
    """Return the window that covers cells [first, stop) of a grid of ``cell`` ticks."""
    return Window(first * cell, stop * cell)


def cut(window: Window, n_read: int, most: int) -> Iterator[Window]:
    """Cut a window into equal parts that bring ``most`` words and rows into memory each, or less.

    Where results don't depend on the tiling, this costs nothing but margins read twice.
    """
    parts = max(1, min(-(-n_read // most), window.b - window.a))
    edges = [window.a + (window.b - window.a) * k // parts for k in range(parts + 1)]
    for a, b in pairwise(edges):
        yield Window(a, b)

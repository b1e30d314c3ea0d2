"""What the simulator knows of its muons, on disk until the triggers have come as far."""

import threading
from collections import deque
from pathlib import Path

import polars as pl

PIECE_TICKS = 1 << 30
"""About a second: so much goes into one file."""


class Truth:
    """Rows with a column ``t0`` in ticks, put in order of time and read once, some time later.

    Memory holds the newest piece and what is being read, however far the reader is behind.
    Any thread may put, another read.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: deque[tuple[int, int, Path]] = deque()
        self._newest: list[pl.DataFrame] = []
        self._begin = self._end = 0
        self._change = threading.Lock()

    def put(self, start: int, stop: int, rows: pl.DataFrame) -> None:
        """Keep the rows with t0 in [start, stop); ``start`` is where the last ones stopped."""
        with self._change:
            if not self._newest:
                self._begin = start
            self._newest.append(rows)
            self._end = stop
            if stop - self._begin >= PIECE_TICKS:
                path = self._folder / f"{self._begin}.arrow"
                pl.concat(self._newest).write_ipc(path)
                self._files.append((self._begin, stop, path))
                self._newest = []

    def between(self, a: int, b: int) -> pl.DataFrame | None:
        """Return the rows with t0 in [a, b); None when nothing was ever put."""
        with self._change:
            frames = [
                pl.read_ipc(path) for start, stop, path in self._files if start < b and stop > a
            ]
            frames += self._newest
        if not frames:
            return None
        return pl.concat(frames).filter(pl.col("t0").is_between(a, b, closed="left"))

    def forget(self, before: int) -> None:
        """Let go of rows with t0 before that time, as far as they fill files."""
        with self._change:
            while self._files and self._files[0][1] <= before:
                self._files.popleft()[2].unlink()

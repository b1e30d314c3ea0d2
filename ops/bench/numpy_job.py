"""The published job in NumPy, by hand, as a file-based analysis would do it; with Dask if it is
installed. It shares no code with what it is compared to."""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from db.detector.words import Words

HAS_DASK = find_spec("dask") is not None
NAME = "Dask and NumPy" if HAS_DASK else "NumPy"

Ints = NDArray[np.int64]
BEFORE, AFTER = 12, 480
"""To a segment time belong hits from 10 ns before it to 400 ns after it, in ticks of 25/30 ns."""
MARGIN = 1000


@dataclass(frozen=True, eq=False)
class Answer:
    """What one file gave: the number of clusters, of hits in them, and the counts."""

    clusters: int
    members: int
    channels: Ints
    chambers: Ints

    def __add__(self, other: "Answer") -> "Answer":
        return Answer(
            self.clusters + other.clusters,
            self.members + other.members,
            self.channels + other.channels,
            self.chambers + other.chambers,
        )


def times(words: Words) -> Ints:
    """Return the time of v2 words in ticks."""
    orbit, bx, fine = words >> 17 & 0xFFFFFFFF, words >> 5 & 0xFFF, words & 31
    t: Ints = ((orbit * 3564 + bx) * 30 + np.maximum(fine, 1) - 1).astype(np.int64)
    return t


def cells(words: Words, cell: int) -> tuple[int, int]:
    """Return the cells [first, stop) in which the words lie."""
    t = times(words)
    return int(t.min()) // cell, int(t.max()) // cell + 1


def write_files(words: Words, cell: int, folder: Path) -> list[Path]:
    """Write the words of each cell and a little more on either side to a file of its own."""
    t, files = times(words), []
    for k in range(*cells(words, cell)):
        files.append(folder / f"{k * cell}_{(k + 1) * cell}.npy")
        near = (t >= k * cell - MARGIN) & (t < (k + 1) * cell + MARGIN)
        np.save(files[-1], words[near])
    return files


def run(files: Iterable[Path]) -> list[Answer]:
    """Do the job on all files, one after the other, in this thread."""
    if not HAS_DASK:
        return [analyse(file) for file in files]
    dask = import_module("dask")
    jobs = [dask.delayed(analyse)(file) for file in files]
    return list(dask.compute(*jobs, scheduler="single-threaded"))


def analyse(file: Path) -> Answer:
    """Unpack a file's words, count them, cluster them, and write the clusters beside it."""
    words = np.load(file)
    a, b = map(int, file.stem.split("_"))
    t, head = times(words), words >> 61
    channel, fpga = words >> 49 & 0x1FF, words >> 58 & 7
    chamber = 2 * fpga + channel // 64
    fine, bx = words & 31, words >> 5 & 0xFFF
    own = (t >= a) & (t < b)
    sound = (head == 2) & (fine != 0) & (fine != 31) & (bx < 3564)
    counted = own & sound
    channels = np.bincount((fpga * 512 + channel)[counted].view(np.int64), minlength=4096)
    chambers = np.bincount(chamber[counted].view(np.int64), minlength=24)
    found: dict[str, list[NDArray[Any]]] = {}
    for number in np.unique(chamber):
        segment_t = np.sort(t[own & (head == 0) & (chamber == number)])
        hits = np.flatnonzero(sound & (channel < 128) & (chamber == number))
        hits = hits[np.argsort(t[hits])]
        first = np.searchsorted(t[hits], segment_t - BEFORE)
        n = np.searchsorted(t[hits], segment_t + AFTER) - first
        ends = np.cumsum(n)
        taken = hits[np.arange(n.sum()) + np.repeat(first - ends + n, n)]
        parts = {"t": segment_t, "chamber": np.full(len(n), number), "n": n}
        for name, values in (parts | {"hit_t": t[taken], "channel": channel[taken]}).items():
            found.setdefault(name, []).append(values)
    clusters = {name: np.concatenate(arrays) for name, arrays in found.items()}
    for name, values in clusters.items():
        np.save(file.with_name(f"{file.stem}_{name}"), values)
    return Answer(len(clusters["n"]), int(clusters["n"].sum()), channels, chambers)

"""Homes of words beside each other: writing a run, and reading windows of it.

Each round writes the same chunks to each home, and reads the same windows from it, in turns; the
peer is a plain NumPy file, written to the disk and read window by window.
"""

import os
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np

from db.catalogue.runs import Run
from db.detector.words import Words
from db.engine import Engine
from db.errors import StoreError
from db.words.chunk import Chunk
from db.words.chunks import read_words, write_chunks
from db.words.homes.address import know_homes, redacted_home
from db.words.homes.home import Home
from db.words.homes.opening import home_at
from db.words.homes.packing import pack
from ops.bench.ingest import stored_bytes, wait_for_merges
from ops.bench.result import Prepare, in_turns
from ops.bench.telescope import beam, cut, new_run
from ops.servers.mongodb import MongoDb
from ops.servers.s3 import ObjectStore

STORE, FILES = "the store's table", "NumPy files"


@dataclass(frozen=True)
class HomeSpeed:
    """What a home came to."""

    home: str
    written_per_s: float
    """Words a second, by the clock on the wall; servers have cores of their own to work on."""
    read_per_s: float
    """Words a second in windows."""
    window_ms: float
    """The median of a window."""
    slowest_window_ms: float
    bytes_per_word: float
    """As they are handed over, without what a server adds; in the table, with their headers."""


def homes(
    engine: Engine, folder: Path, urls: Sequence[str], hits: int, windows: int, repeats: int
) -> list[HomeSpeed]:
    """Measure the store's table, the homes at these addresses, and NumPy files in a folder.

    Raises StoreError where a home gives back other words than were written.
    """
    know_homes(urls)
    made: set[int] = set()
    with ExitStack() as stack:
        used = {url: stack.enter_context(_emptied(engine, url, made)) for url in urls}
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=folder)))
        kept: dict[str, Home | None] = {STORE: None}
        kept |= {home.address: home for home in used.values()}
        return _measured(engine, place, kept, made, hits, windows, repeats)


def _measured(
    engine: Engine,
    place: Path,
    kept: Mapping[str, Home | None],
    made: set[int],
    hits: int,
    windows: int,
    repeats: int,
) -> list[HomeSpeed]:
    detector = new_run(engine).detector
    groups = cut(detector, 0, beam(hits))
    chunks = sorted(
        (chunk for group in groups for chunk in group if chunk.n_hits),
        key=lambda chunk: (chunk.t_first, chunk.link, chunk.seq),
    )
    runs: dict[str, Run] = {}

    def write(name: str) -> Prepare:
        def prepare() -> Callable[[], None]:
            wait_for_merges(engine)
            run = runs[name] = new_run(engine)
            made.add(run.run_id)
            mine = [[replace(chunk, run_id=run.run_id) for chunk in group] for group in groups]

            def work() -> None:
                for group in mine:
                    write_chunks(engine, group, detector, datetime.now(UTC), kept[name])

            return work

        return prepare

    before = stored_bytes(engine)
    write(STORE)()()
    wait_for_merges(engine)
    in_table = stored_bytes(engine) - before
    file = place / "words.npy"
    written = in_turns(
        {name: write(name) for name in kept} | {FILES: lambda: lambda: _save(file, chunks)},
        repeats,
    )
    edges = np.linspace(chunks[0].t_first, max(c.t_last for c in chunks) + 1, windows + 1)
    spans = [(int(a), int(b)) for a, b in pairwise(edges)]
    offsets = np.cumsum([0, *(len(chunk.words) for chunk in chunks)])

    def of_file(a: int, b: int) -> Words:
        mapped = np.load(file, mmap_mode="r")
        which = [k for k, c in enumerate(chunks) if c.t_first < b and c.t_last >= a]
        return np.concatenate([mapped[offsets[k] : offsets[k + 1]] for k in which])

    def of_home(name: str) -> Callable[[int, int], Words]:
        return lambda a, b: read_words(engine, runs[name].run_id, a, b, detector.slice).words

    readers = {name: of_home(name) for name in kept} | {FILES: of_file}
    expected = [of_file(a, b) for a, b in spans]
    for name, reader in readers.items():
        for (a, b), words in zip(spans, expected, strict=True):
            if not np.array_equal(np.sort(reader(a, b)), np.sort(words)):
                raise StoreError(f"{name} gave back other words of the window [{a}, {b})")
    took: dict[str, list[float]] = {name: [] for name in readers}

    def read(name: str) -> Prepare:
        def work() -> None:
            for a, b in spans:
                began = time.perf_counter()
                readers[name](a, b)
                took[name].append(time.perf_counter() - began)

        return lambda: work

    timings = in_turns({name: read(name) for name in readers}, repeats)
    n, n_read = int(offsets[-1]), sum(map(len, expected))
    packed = sum(len(pack(chunk.words)) for chunk in chunks)
    sizes = dict.fromkeys(kept, packed) | {STORE: in_table, FILES: file.stat().st_size}
    return [
        HomeSpeed(
            home=name,
            written_per_s=round(n / written[name].seconds),
            read_per_s=round(n_read / timings[name].seconds),
            window_ms=round(1e3 * median(took[name]), 2),
            slowest_window_ms=round(1e3 * max(took[name]), 2),
            bytes_per_word=round(sizes[name] / n, 3),
        )
        for name in readers
    ]


def own_homes(folder: Path, stack: ExitStack, say: Callable[[str], object]) -> list[str]:
    """Start servers of our own, which end with the stack, and return the addresses of homes there.

    One that is not installed is left out, and said.
    """
    urls: list[str] = []
    for name, kind in (("mongodb", MongoDb), ("s3", ObjectStore)):
        server = kind(folder / name)
        try:
            server.start()
        except (StoreError, ModuleNotFoundError) as fault:
            say(f"{name} is left out: {fault}")
            continue
        stack.callback(server.kill)
        urls.append(server.url())
    return urls


@contextmanager
def _emptied(engine: Engine, url: str, runs: Collection[int]) -> Iterator[Home]:
    """Yield a home, and remove in the end what lies there of runs."""
    home = home_at(engine, redacted_home(url))
    home.check()
    try:
        yield home
    finally:
        later = datetime.now(UTC) + timedelta(days=2)
        for hour in home.counts():
            mine = [each for each in home.stored(hour) if each.run_id in runs]
            home.discard(hour, mine, later)


def _save(file: Path, chunks: Sequence[Chunk]) -> None:
    with file.open("wb") as out:
        np.save(out, np.concatenate([chunk.words for chunk in chunks]))
        out.flush()
        os.fsync(out.fileno())

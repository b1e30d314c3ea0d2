"""A small footprint: a process gives back what it holds and does not need."""

import ctypes
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from db.store import Store
from readout.source.block import Block

_MAPS = Path("/proc/self/smaps")
_PLACE = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) r-.p \S+ \S+ [1-9]\d* ")
_DONTNEED = 4  # MADV_DONTNEED
_GIVE_BACK_WORDS = 1 << 21


def frugal(blocks: Iterable[Block], store: Store) -> Iterator[Block]:
    """Yield the blocks; whenever one is dealt with, give back what is not needed for the next."""
    words = 0
    for number, block in enumerate(blocks):
        yield block
        words += len(block.words)
        if number == 0:  # LLVM has done its work by now
            forget_loading()
        if words >= _GIVE_BACK_WORDS:
            _give_back(store)
            words = 0


def forget_loading() -> None:
    """Drop the pages of libraries that this process has read so far; those in use come back.

    Most of them, 200 MB with the engine and LLVM, were read once: relocations and start-up code.
    """
    libc = ctypes.CDLL(None)
    for start, stop in _clean_pages():
        libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(stop - start), _DONTNEED)


def _give_back(store: Store) -> None:
    """Let the engine in this process return freed memory to the system.

    Its allocator keeps for seconds what it may need again: 60 MB while words are written.
    """
    if store.owned:
        store.engine.execute("SYSTEM JEMALLOC PURGE")


def _clean_pages() -> Iterator[tuple[int, int]]:
    """Yield the address ranges of files that this process can't write to, and never has.

    What was written, in memory or swapped out, would be lost: a library's relocations, say.
    """
    if not _MAPS.exists():
        return
    found = None
    for line in _MAPS.read_text().splitlines():
        written = line.startswith(("Anonymous:", "Swap:")) and line.split()[1] != "0"
        if place := _PLACE.match(line):
            found = int(place[1], 16), int(place[2], 16)
        elif written or "-" in line.split(" ", 1)[0]:
            found = None
        elif found and line.startswith("VmFlags:"):  # the last line of each
            yield found

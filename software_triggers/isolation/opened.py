"""Files that a trigger opens by itself, of which its lineage knows nothing."""

import os
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CODE = (".py", ".pyc", ".so", ".nbi", ".nbc")
"""Code is covered otherwise; the last two are Numba's cache of it."""

_watched: set[str] | None = None


def watch_opens() -> None:
    """Have this process note, from now on, which files are opened; it can't be undone."""
    sys.addaudithook(_hear)


@contextmanager
def files_opened() -> Iterator[set[str]]:
    """Yield a set that has, afterwards, the files that were opened to be read meanwhile.

    What Python itself, installed packages and the system bring is left out, and what libraries open
    without Python, as Polars and HDF5 do.
    """
    global _watched
    heard: set[str] = set()
    found: set[str] = set()
    _watched = heard
    try:
        yield found
    finally:
        _watched = None
        found |= {path for path in heard if _is_data(path)}


def _hear(event: str, given: tuple[object, ...]) -> None:
    if event != "open" or _watched is None:
        return
    path, _, flags = given
    reads = not isinstance(flags, int) or flags & os.O_ACCMODE != os.O_WRONLY
    if reads and isinstance(path, str | bytes | os.PathLike):
        _watched.add(os.path.abspath(os.fsdecode(path)))  # noqa: PTH100 - links stay as named


def _is_data(path: str) -> bool:
    place = Path(path)
    return (
        place.suffix not in _CODE
        and place.is_file()
        and not any(place.is_relative_to(folder) for folder in _BROUGHT)
    )


_BROUGHT = {
    *map(Path, sysconfig.get_paths().values()),
    Path(sys.prefix),
    Path(__file__).parents[1],
    Path(os.path.expanduser("~/.cache")),  # noqa: PTH111 - who has no home is no fault of ours
    *map(Path, ("/proc", "/sys", "/dev", "/usr/lib", "/usr/share")),
}

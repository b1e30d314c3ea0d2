"""Files that a trigger is given as parameters: a lineage covers what is in them."""

from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

from db.errors import TriggerError


def file_digest(path: Path) -> str:
    """Return a hash of a file's bytes; TriggerError if it can't be read.

    It is read again only when its time, size or place on the disk changed.
    """
    try:
        stat = path.stat()
        return _digest(path, stat.st_mtime_ns, stat.st_size, stat.st_ino)
    except OSError as fault:
        raise TriggerError(f"{path} can't be read: {fault.strerror}") from None


@lru_cache(maxsize=256)
def _digest(path: Path, _changed: int, _size: int, _place: int) -> str:
    with path.open("rb") as file:
        found = blake2b(digest_size=8)
        while piece := file.read(1 << 20):
            found.update(piece)
    return found.hexdigest()

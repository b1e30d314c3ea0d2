"""Files that must be whole before they are sent: they lie beside the store meanwhile."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from api.export.rows import Rows
from db.errors import UsageError

KEPT_FREE = 2 << 30
"""Bytes of the store's disk that exports leave to the store."""
_PIECE = 1 << 20


@contextmanager
def spool(rows: Rows, suffix: str) -> Iterator[str]:
    """Yield the path of a file beside the store that is gone afterwards."""
    with tempfile.NamedTemporaryFile(dir=rows.folder, suffix=suffix) as file:
        check_room(file.name)
        yield file.name


def check_room(path: str) -> None:
    """Raise UsageError where the disk is needed for other things."""
    if shutil.disk_usage(path).free < KEPT_FREE:
        raise UsageError(
            f"a file of this format grows on a disk of which less than {KEPT_FREE >> 30} GB are"
            " free: ask for arrow, parquet or csv, which are streamed"
        )


def pieces_of(file: str) -> Iterator[bytes]:
    """Yield a file's content, a MB at a time."""
    with Path(file).open("rb") as stream:
        while piece := stream.read(_PIECE):
            yield piece

from collections.abc import Iterator
from pathlib import Path

_PIECE = 1 << 20


def pieces_of(file: str) -> Iterator[bytes]:
    """Yield a file's content, a MB at a time."""
    with Path(file).open("rb") as stream:
        while piece := stream.read(_PIECE):
            yield piece

"""A file that others write into and that we take from while they write."""

import io


class Sink(io.RawIOBase):
    """Keeps what was written until it is taken; can't seek."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []
        self._n = 0

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: object, /) -> int:
        """Keep a copy of the bytes."""
        piece = bytes(data)  # type: ignore[call-overload]
        self._pieces.append(piece)
        self._n += len(piece)
        return len(piece)

    def tell(self) -> int:
        """Return the bytes written so far."""
        return self._n

    def taken(self) -> bytes:
        """Return what was written since the last call."""
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)

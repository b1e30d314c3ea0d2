"""A stream of bytes as it was before it was compressed."""

import bz2
import gzip
import lzma
from io import BufferedReader
from typing import IO, Any, cast

import pyarrow as pa

_MAGIC = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bz2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x04\x22\x4d\x18": "lz4",
}
DAMAGE = (OSError, EOFError, lzma.LZMAError, pa.ArrowException)
"""What reading damaged bytes raises."""


def compression(start: bytes) -> str | None:
    """How a stream that starts so is compressed; None if it isn't."""
    return next((name for magic, name in _MAGIC.items() if start.startswith(magic)), None)


def decompressed(stream: BufferedReader) -> IO[bytes]:
    """The stream itself, or what comes out of it if its first bytes say that it is compressed."""
    kind = compression(stream.peek(8)[:8])
    if kind == "gzip":
        return cast(IO[bytes], gzip.GzipFile(fileobj=stream))
    if kind == "bz2":
        return bz2.BZ2File(stream)
    if kind == "xz":
        return lzma.LZMAFile(stream)
    if kind is not None:
        whole: Any = pa.CompressedInputStream(pa.PythonFile(stream, mode="r"), kind)
        return cast(IO[bytes], whole)
    return stream

"""How the words of a chunk look in a home of payloads: packed by us, alike in all of them.

The bytes of the words are transposed, all lowest bytes first: neighbours in time share their high
bytes, and zstd finds that (3.3 bytes a word of the telescope, 5.1 as they lie).
"""

import struct

import numpy as np
import pyarrow as pa

from db.detector.words import Words
from db.errors import StoreError

_FORM = 1
_HEAD = struct.Struct("<BI")
"""The form, and how many words follow."""
_ZSTD = pa.Codec("zstd", compression_level=3)


def pack(words: Words) -> bytes:
    """Return words as a payload."""
    planes = np.ascontiguousarray(words.view(np.uint8).reshape(-1, 8).T)
    packed: bytes = _ZSTD.compress(pa.py_buffer(planes), asbytes=True)
    return _HEAD.pack(_FORM, len(words)) + packed


def unpack(payload: bytes | memoryview) -> Words:
    """Return the words of a payload; StoreError if it is none."""
    view = memoryview(payload)
    try:
        form, n_words = _HEAD.unpack_from(view)
        if form != _FORM:
            raise ValueError(f"form {form} is not known")  # noqa: TRY301 - one way out for all
        packed = pa.py_buffer(view[_HEAD.size :])
        planes = np.frombuffer(_ZSTD.decompress(packed, 8 * n_words), np.uint8)
        return np.ascontiguousarray(planes.reshape(8, n_words).T).view(np.uint64).reshape(-1)
    except (ValueError, OSError, struct.error) as fault:
        raise StoreError(f"a payload can't be unpacked: {fault}") from None

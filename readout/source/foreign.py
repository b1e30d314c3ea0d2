"""Files of other kinds, by the bytes they start with: to name what was refused, never to refuse."""

import re

_UNPACK = "unpack it first"
_CONVERT = "convert it to words or to a text dump"
_STARTS = {
    b"\xef\xbb\xbf": ("text with a byte-order mark", "give --format text if it is a dump"),
    b"\xff\xfe": ("UTF-16 text", "convert it to UTF-8 and give --format text"),
    b"\xfe\xff": ("UTF-16 text", "convert it to UTF-8 and give --format text"),
    b"PAR1": ("a Parquet file", _CONVERT),
    b"ARROW1": ("an Arrow file", _CONVERT),
    b"\x89HDF": ("an HDF5 file", _CONVERT),
    b"\x93NUMPY": ("a NumPy file", _CONVERT),
    b"root": ("a ROOT file", _CONVERT),
    b"SQLite format 3": ("an SQLite file", _CONVERT),
    b"\x89PNG": ("a PNG picture", "name a file of words"),
    b"%PDF": ("a PDF document", "name a file of words"),
    b"\x7fELF": ("a program", "name a file of words"),
    b"\x1f\x8b": ("gzip", _UNPACK),
    b"\xfd7zXZ\x00": ("xz", _UNPACK),
    b"BZh": ("bzip2", _UNPACK),
    b"\x28\xb5\x2f\xfd": ("zstd", _UNPACK),
    b"\x04\x22\x4d\x18": ("lz4", _UNPACK),
    b"PK\x03\x04": ("a zip archive", _UNPACK),
    b"7z\xbc\xaf\x27\x1c": ("a 7z archive", _UNPACK),
}
# What its records hold; then the first one's board and channel, both small.
_COMPASS = re.compile(rb"[\xe0-\xef]\xca.\0[\0-\x3f]\0", re.DOTALL)
_PRINTABLE = re.compile(rb"[\t\r\n -~]+")


def foreign(start: bytes) -> str:
    """What these first bytes look like, and what to do about it; nothing if they look like none."""
    for magic, (what, hint) in _STARTS.items():
        if start.startswith(magic):
            return f"it looks like {what}: {hint}"
    if _COMPASS.match(start):
        return "it looks like a file of CoMPASS: try --detector compass"
    if _PRINTABLE.fullmatch(start):
        return "it looks like text: give --format text if it is a dump"
    return ""

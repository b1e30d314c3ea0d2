"""Reading and writing a board's registers by packets, over UDP.

A packet is a header of 12 bytes, little-endian, and entries of 8 bytes:

    magic     4 bytes  ``EHRB``
    version   u8       1
    kind      u8       0 asked, 1 answered
    n         u16      entries that follow: 1 to 128
    number    u32      the asker's; an answer has that of what it answers

    address   u16      of a register, see ``fpga.control.registers``
    writes    u16      1 to set it to ``value``, 0 to read it
    value     u32      what is written; in an answer what the register holds

The board does the entries in their order, and answers with all of them to the port from which it
was asked. Who gets no answer asks again: setting a register twice does no harm. A packet that is
not one of these is not answered.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct

from db.errors import SourceError

MAGIC, VERSION = b"EHRB", 1
ASKED, ANSWERED = 0, 1
MOST_ENTRIES = 128
_HEADER, _ENTRY = Struct("<4sBBHI"), Struct("<HHI")


@dataclass(frozen=True)
class Entry:
    """One register: what is written to it, or None to read it."""

    address: int
    value: int | None = None


def asked(number: int, entries: Sequence[Entry]) -> bytes:
    """The packet that asks for these entries."""
    rows = [(each.address, each.value is not None, each.value or 0) for each in entries]
    return _packed(ASKED, number, rows)


def answered(number: int, entries: Sequence[Entry], held: Sequence[int]) -> bytes:
    """The packet that answers them: the registers hold these numbers."""
    pairs = zip(entries, held, strict=True)
    rows = [(each.address, each.value is not None, value) for each, value in pairs]
    return _packed(ANSWERED, number, rows)


def read_asked(packet: bytes) -> tuple[int, list[Entry]]:
    """The number and the entries of a packet that asks. Raises SourceError for anything else."""
    number, rows = _unpacked(ASKED, packet)
    return number, [Entry(address, value if writes else None) for address, writes, value in rows]


def read_answered(packet: bytes) -> tuple[int, list[int]]:
    """The number of an answer and what the registers hold. Raises SourceError for anything else."""
    number, rows = _unpacked(ANSWERED, packet)
    return number, [value for _, _, value in rows]


def _packed(kind: int, number: int, rows: Sequence[tuple[int, bool, int]]) -> bytes:
    assert 0 < len(rows) <= MOST_ENTRIES
    header = _HEADER.pack(MAGIC, VERSION, kind, len(rows), number)
    return header + b"".join(_ENTRY.pack(*row) for row in rows)


def _unpacked(kind: int, packet: bytes) -> tuple[int, list[tuple[int, int, int]]]:
    if len(packet) < _HEADER.size:
        raise SourceError(f"a packet of {len(packet)} bytes speaks of no registers")
    magic, version, told, n, number = _HEADER.unpack_from(packet)
    whole = len(packet) == _HEADER.size + n * _ENTRY.size and 0 < n <= MOST_ENTRIES
    if (magic, version, told, whole) != (MAGIC, VERSION, kind, True):
        raise SourceError(f"a packet of {len(packet)} bytes speaks of no registers")
    return number, list(_ENTRY.iter_unpack(packet[_HEADER.size :]))

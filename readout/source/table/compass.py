"""CoMPASS list-mode files of CAEN: records of which the file's first word says what they hold.

Layout, little endian: board u16, channel u16, time in ps u64, energy u16 if bit 0 of the header is
set, calibrated energy f64 if bit 1, short energy u16 if bit 2, flags u32, and if bit 3 a waveform:
its code u8, the number of its samples u32, and so many u16. Waveforms are passed over.
"""

from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from db.detector.table import Table
from db.errors import SourceError
from db.kernel import kernel
from readout.source.table.columns import needed
from readout.source.table.rows import Rows

PIECE_BYTES = 1 << 24
_ENERGY, _CALIBRATED, _SHORT, _WAVE = 1, 2, 4, 8


def read_compass(path: Path, table: Table, piece_bytes: int = PIECE_BYTES) -> Iterator[Rows]:
    """The records, as columns of the names that CoMPASS gives them in its CSV files.

    Raises SourceError if the file ends amid a record, after all records before it were delivered.
    """
    with path.open("rb") as file:
        holds = int.from_bytes(file.read(2), "little")
        kind = _record(holds)
        needed(kind.names or (), table, str(path))
        first = 0
        for piece in _pieces(file, kind, piece_bytes, str(path), waves=bool(holds & _WAVE)):
            rows = np.frombuffer(piece.tobytes(), kind)
            frame = pl.DataFrame({name: rows[name].copy() for name in table.columns})
            yield Rows(frame, first, "record")
            first += len(rows)


def _record(holds: int) -> np.dtype[Any]:
    """What a record holds before its waveform."""
    parts = [("BOARD", "<u2"), ("CHANNEL", "<u2"), ("TIMETAG", "<u8")]
    parts += [("ENERGY", "<u2")] * bool(holds & _ENERGY)
    parts += [("CALIB_ENERGY", "<f8")] * bool(holds & _CALIBRATED)
    parts += [("ENERGYSHORT", "<u2")] * bool(holds & _SHORT)
    parts += [("FLAGS", "<u4")]
    return np.dtype(parts)


def _pieces(
    file: BufferedReader, kind: np.dtype[Any], piece_bytes: int, name: str, *, waves: bool
) -> Iterator[Any]:
    """Whole records of the file without their waveforms, as bytes."""
    rest, record = b"", 0
    while more := file.read(piece_bytes):
        data = np.frombuffer(rest + more, np.uint8)
        if waves:
            starts, end = _starts(data, kind.itemsize)
        else:
            end = len(data) // kind.itemsize * kind.itemsize
            starts = np.arange(0, end, kind.itemsize)
        if len(starts):
            yield data[starts[:, None] + np.arange(kind.itemsize)]
        rest, record = data[end:].tobytes(), record + len(starts)
    if rest:
        raise SourceError(
            f"{name}: {len(rest)} bytes are left over behind record {record - 1}: it was cut off"
        )


@kernel()
def _starts(data: NDArray[np.uint8], fixed: int) -> tuple[NDArray[np.int64], int]:
    """Where each whole record starts, and where the last one ends."""
    starts = np.empty(len(data) // (fixed + 5) + 1, np.int64)
    n, at = 0, 0
    while at + fixed + 5 <= len(data):
        samples = 0
        for byte in range(4):
            samples += int(data[at + fixed + 1 + byte]) * 256**byte
        stop = at + fixed + 5 + 2 * samples
        if stop > len(data):
            break
        starts[n] = at
        n += 1
        at = stop
    return starts[:n], at

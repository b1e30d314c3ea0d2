"""Rows of a digitizer, as the tests of tables write and read them."""

import csv
from io import BytesIO, StringIO

from db.detector import decode, loads
from readout.source.table.rows import Tally, blocks_of
from readout.source.table.text import read_lines

DIGITIZER = """
name = "digitizer"
title = "List mode"

[table]
time = { TIMETAG = "1 ps" }
%s

[table.values]
channel = { column = "CHANNEL", type = "uint8" }
adc = { column = "ENERGY", type = "int16" }
mv = { column = "mV", type = "uint16", unit = 0.1 }
"""
COLUMNS = ["TIMETAG", "CHANNEL", "ENERGY", "mV"]
ROWS = [(1000, 1, -7, 24.5), (2500, 0, 32767, 0.0), (2400, 255, -32768, 6553.5)]


def digitizer(more=""):
    return loads(DIGITIZER % more)


def rows_of(blocks, detector):
    """t, channel, adc and mv of each hit, as Python numbers."""
    found = []
    for block in blocks:
        columns = decode(detector, block.words, columns=["t", "channel", "adc", "mv"])
        hits = zip(*(columns[name].tolist() for name in ("t", "channel", "adc", "mv")), strict=True)
        found += [(t, ch, adc, round(mv, 6)) for t, ch, adc, mv in hits]
    return found


def read_text(text, detector, piece_bytes=1 << 24):
    stream = BytesIO(text if isinstance(text, bytes) else text.encode())
    pieces = read_lines(stream, detector.table, "file", piece_bytes)
    return rows_of(blocks_of(pieces, detector, "file", 0, Tally()), detector)


def as_csv(rows, separator=",", end="\n", decimal=".", header=COLUMNS):
    out = StringIO()
    writer = csv.writer(out, delimiter=separator, lineterminator=end)
    if header:
        writer.writerow(header)
    for *whole, mv in rows:
        writer.writerow([*whole, str(mv).replace(".", decimal)])
    return out.getvalue()

"""Text dumps: a header line, then one comma-separated row per word; gzip is unpacked."""

import gzip
import re
import zlib
from collections.abc import Iterator
from io import BufferedIOBase, BufferedReader, FileIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv

from db.detector import Detector, encode
from db.detector.words import Words
from db.errors import SourceError
from readout.source.block import Block, by_link

BLOCK_BYTES = 1 << 20
GZIP = b"\x1f\x8b"
_EMPTY = np.iinfo(np.int64).min


def has_header(start: bytes, detector: Detector) -> bool:
    """Whether what begins so, gzipped or not, is a text dump of this detector."""
    if start.startswith(GZIP):
        try:
            start = zlib.decompressobj(wbits=31).decompress(start, len(start))
        except zlib.error:
            return False
    header = start.partition(b"\n")[0].rstrip(b"\r").split(b",")
    wanted = [column.header.encode() for column in detector.text]
    return bool(wanted) and sorted(header) == sorted(wanted)


def read_text(
    path: Path,
    detector: Detector,
    link: int = 0,
    block_bytes: int = BLOCK_BYTES,
    stream: FileIO | None = None,
) -> Iterator[Block]:
    """The rows of a text dump as words. The header must name the declaration's text columns.

    ``stream`` is read in the file's place if given: a pipe, say.

    Raises SourceError for another header, and with the line for a row that is no row or whose
    value doesn't fit its field; the blocks before that row were delivered.
    """
    if not detector.text:
        raise SourceError(f"{path}: {detector.name} declares no text columns, so no dump of it")
    line = 2
    try:
        with path.open("rb") if stream is None else BufferedReader(stream) as raw:
            zipped = raw.peek(2).startswith(GZIP)
            plain = gzip.GzipFile(fileobj=raw) if zipped else raw
            for batch in _rows(plain, path, detector, block_bytes):
                yield from by_link(detector, _words(batch, detector, path, line), link)
                line += batch.num_rows
    except (pa.ArrowInvalid, OSError, EOFError, zlib.error) as error:
        where = re.search(r"Row #(\d+): (.*)", str(error), re.DOTALL)
        problem = f"line {where[1]}: {where[2]}" if where else str(error)
        raise SourceError(f"{path}: {problem}") from error
    if line == 2:
        raise SourceError(f"{path}: a header and no row below it")


def _rows(
    stream: BufferedIOBase, path: Path, detector: Detector, block_bytes: int
) -> Iterator[pa.RecordBatch]:
    wanted = [column.header for column in detector.text]
    # One thread, or pyarrow couldn't tell the row at fault; blank lines, or it would miscount them.
    reader = csv.open_csv(
        stream,
        csv.ReadOptions(use_threads=False, block_size=block_bytes),
        csv.ParseOptions(ignore_empty_lines=False, quote_char=False),
        csv.ConvertOptions(
            column_types=dict.fromkeys(wanted, pa.int64()), null_values=[""], check_utf8=False
        ),
    )
    found = reader.schema.names
    if sorted(found) != sorted(wanted):
        raise SourceError(
            f"{path}: its header is {','.join(found)}, a text dump of {detector.name} has"
            f" {','.join(wanted)}; is it a dump, and of this detector?"
        )
    yield from reader


def _words(batch: pa.RecordBatch, detector: Detector, path: Path, line: int) -> Words:
    """The rows as words; ``line`` is that of the first row."""
    blank = np.ones(batch.num_rows, bool)
    values = {}
    for name in batch.schema.names:
        blank &= batch[name].is_null().to_numpy(zero_copy_only=False)
        values[name] = batch[name].fill_null(_EMPTY).to_numpy()
    widths = {field.name: field.width for field in detector.fields}
    fields = {}
    for column in detector.text:
        value = values[column.header]
        low, high = column.add, column.add + 2 ** widths[column.field] - 1
        wrong = np.flatnonzero(~blank & ((value < low) | (value > high)))
        if len(wrong):
            at, bad = line + wrong[0], value[wrong[0]]
            shown = "is missing" if bad == _EMPTY else f"is {bad}"
            raise SourceError(
                f"{path}: line {at}: {column.header} {shown}, {detector.name} takes {low} to {high}"
            )
        fields[column.field] = value[~blank] - column.add
    return encode(detector, fields)

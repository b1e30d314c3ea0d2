"""Tables in Parquet and Arrow files, piece by piece."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from db.detector.table import Table
from readout.source.table.columns import needed
from readout.source.table.rows import Rows

PIECE_ROWS = 1 << 18
_BUFFER = 1 << 20
"""Bytes of each column that are read at once. Without it, or with what the reader buffers ahead if
it may, memory grows with the file."""


def read_parquet(path: Path, table: Table, piece_rows: int = PIECE_ROWS) -> Iterator[Rows]:
    """The rows of a Parquet file. Raises SourceError if it lacks a column, ArrowException or
    OSError if it is damaged.
    """
    with pq.ParquetFile(path, pre_buffer=False, buffer_size=_BUFFER) as file:
        columns = needed(file.schema_arrow.names, table, str(path))
        yield from _pieces(file.iter_batches(piece_rows, columns=columns))


def read_arrow(path: Path, table: Table) -> Iterator[Rows]:
    """The rows of an Arrow (or Feather) file or stream; raises the same.

    A batch is read as a whole: memory grows with the largest one.
    """
    with pa.OSFile(str(path), "rb") as raw:
        if raw.read(6) == b"ARROW1":
            with pa.ipc.open_file(raw) as file:
                columns = needed(file.schema.names, table, str(path))
                batches = (file.get_batch(n) for n in range(file.num_record_batches))
                yield from _pieces(batch.select(columns) for batch in batches)
            return
        raw.seek(0)
        with pa.ipc.open_stream(raw) as stream:
            columns = needed(stream.schema.names, table, str(path))
            yield from _pieces(batch.select(columns) for batch in stream)


def _pieces(batches: Iterator[pa.RecordBatch], piece_rows: int = PIECE_ROWS) -> Iterator[Rows]:
    first = 0
    for batch in batches:
        for start in range(0, batch.num_rows, piece_rows):
            frame = pl.DataFrame(pl.from_arrow(batch.slice(start, piece_rows)))
            yield Rows(frame, first)
            first += frame.height

"""The formats in which rows leave."""

from dataclasses import dataclass

from api.export.arrow import arrow, arrow_file
from api.export.csv import csv
from api.export.hdf5 import hdf5
from api.export.parquet import parquet
from api.export.root import root
from api.export.rows import Write


@dataclass(frozen=True)
class Format:
    """How a stream of batches becomes bytes."""

    write: Write
    media_type: str
    suffix: str


FORMATS = {
    "arrow": Format(arrow, "application/vnd.apache.arrow.stream", "arrows"),
    "arrow-file": Format(arrow_file, "application/vnd.apache.arrow.file", "arrow"),
    "parquet": Format(parquet, "application/vnd.apache.parquet", "parquet"),
    "csv": Format(csv, "text/csv", "csv"),
    "hdf5": Format(hdf5, "application/x-hdf5", "h5"),
    "root": Format(root, "application/x-root", "root"),
}

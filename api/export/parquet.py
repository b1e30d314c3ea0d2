"""Parquet: a row group for each batch."""

from collections.abc import Iterator

import pyarrow.parquet as pq

from api.export.rows import Rows
from api.export.sink import Sink


def parquet(rows: Rows) -> Iterator[bytes]:
    """Yield a Parquet file; of what was written only the row groups' places are kept."""
    sink = Sink()
    told = {key: str(value) for key, value in rows.told.items()}
    with pq.ParquetWriter(sink, rows.schema.with_metadata(told), compression="zstd") as writer:
        for batch in rows.batches:
            writer.write_batch(batch.replace_schema_metadata(told))
            yield sink.taken()
    yield sink.taken()

"""Arrow's IPC formats: the stream that the client reads, and the file that can be mapped."""

from collections.abc import Callable, Iterator

import pyarrow as pa

from api.export.rows import Rows
from api.export.sink import Sink


def arrow(rows: Rows) -> Iterator[bytes]:
    """Yield an Arrow IPC stream, a batch at a time."""
    return _written(rows, pa.ipc.new_stream)


def arrow_file(rows: Rows) -> Iterator[bytes]:
    """Yield an Arrow IPC file, a batch at a time; its footer, with which it is read, comes last."""
    return _written(rows, pa.ipc.new_file)


def _written(
    rows: Rows, begun: Callable[[Sink, pa.Schema], pa.ipc.RecordBatchStreamWriter]
) -> Iterator[bytes]:
    sink = Sink()
    told = {key: str(value) for key, value in rows.told.items()}
    schema = rows.schema.with_metadata(told)
    with begun(sink, schema) as writer:
        for batch in rows.batches:
            writer.write_batch(batch.replace_schema_metadata(told))
            yield sink.taken()
    yield sink.taken()

"""Arrow's IPC stream: what the client reads."""

from collections.abc import Iterator

import pyarrow as pa

from api.export.sink import Sink


def arrow(schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> Iterator[bytes]:
    """Yield the stream, piece by piece."""
    sink = Sink()
    with pa.ipc.new_stream(sink, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
            yield sink.taken()
    yield sink.taken()

"""Arrow's IPC stream: what the client reads."""

from collections.abc import Iterator

import pyarrow as pa

from api.export.rows import Rows
from api.export.sink import Sink


def arrow(rows: Rows) -> Iterator[bytes]:
    """Yield an Arrow IPC stream, a batch at a time."""
    sink = Sink()
    told = {key: str(value) for key, value in rows.told.items()}
    schema = rows.schema.with_metadata(told)
    with pa.ipc.new_stream(sink, schema) as writer:
        for batch in rows.batches:
            writer.write_batch(batch.replace_schema_metadata(told))
            yield sink.taken()
    yield sink.taken()

"""Comma-separated text, for eyes and spreadsheets."""

from collections.abc import Iterator

import polars as pl
import pyarrow as pa

from api.export.rows import Rows


def csv(rows: Rows) -> Iterator[bytes]:
    """Yield a header and a line for each row; of a list the values, spaces between them.

    What is null stands as nothing, in a list as ``null``.
    """
    yield _text(rows.schema.empty_table()).encode()
    for batch in rows.batches:
        yield _text(pa.Table.from_batches([batch]), header=False).encode()


def _text(table: pa.Table, *, header: bool = True) -> str:
    frame = pl.DataFrame(pl.from_arrow(table))
    lists = [name for name, kind in frame.schema.items() if isinstance(kind, pl.List)]
    flat = [
        pl.col(name)
        .cast(pl.List(pl.String))
        .list.eval(pl.element().fill_null("null"))
        .list.join(" ")
        for name in lists
    ]
    return frame.with_columns(flat).write_csv(include_header=header)

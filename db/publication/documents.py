"""How a row of a trigger's results looks as a document."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from db.catalogue.runs import Run
from db.results.rows import Lineage

Document = dict[str, Any]
KEYS = ("_id", "store", "run", "trigger", "lineage", "window", "attempt", "at", "left_out")
"""Fields of every document, beside the columns of its row. A column of such a name gets an
underscore behind it."""
_MOST_BYTES = 12_000_000
"""Of arrays in a document, which takes 16 MB."""
_ELEMENT_BYTES = 18
"""Of a number in an array of BSON: its place as text, its kind and eight bytes."""


def documents_of(store: str, run: Run, lineage: Lineage, rows: pl.DataFrame) -> Iterator[Document]:
    """Yield a document for each row, which has ``_window`` and ``_attempt``, too.

    Unsigned numbers of 64 bits come as the signed ones of the same bits, since BSON has no others;
    arrays that a document has no room for are null, and named in ``left_out``. ``at`` is the time
    of ``t`` in UTC, to the millisecond.
    """
    tick_ns = float(run.detector.tick)
    names = {name: f"{name}_" if name in KEYS else name for name in lineage.columns}
    made = _signed(rows).with_columns(
        _nth=pl.int_range(pl.len()).over("_window"), _left_out=_left_out(rows)
    )
    for row in made.iter_rows(named=True):
        yield {
            "_id": f"{store}.{run.run_id}.{lineage.lineage}.{row['_window']}.{row['_nth']}",
            "store": store,
            "run": run.run_id,
            "trigger": lineage.name,
            "lineage": lineage.lineage,
            "window": row["_window"],
            "attempt": row["_attempt"],
            "at": _moment(run, row["t"] * tick_ns),
            **({"left_out": row["_left_out"]} if row["_left_out"] else {}),
            **{
                name: None if column in row["_left_out"] else row[column]
                for column, name in names.items()
            },
        }


def _moment(run: Run, ns: float) -> datetime | None:
    """Return a time of a run in UTC; None where no calendar has it."""
    try:
        return run.started_at + timedelta(microseconds=ns / 1000)
    except OverflowError:
        return None


def _signed(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(
        pl.col(name).cast(signed, wrap_numerical=True)
        for name, kind in rows.schema.items()
        if (signed := _signed_kind(kind)) != kind
    )


def _signed_kind(kind: pl.DataType) -> pl.DataType:
    if isinstance(kind, pl.List):
        return pl.List(_signed_kind(kind.inner))  # type: ignore[arg-type]
    return pl.Int64() if kind == pl.UInt64 else kind


def _left_out(rows: pl.DataFrame) -> pl.Series:
    """Return for each row the names of its arrays, where they take too much together."""
    arrays = [name for name, kind in rows.schema.items() if isinstance(kind, pl.List)]
    if not arrays:
        return pl.Series([[]] * len(rows), dtype=pl.List(pl.String))
    lengths = rows.select(pl.sum_horizontal(pl.col(arrays).list.len().cast(pl.Int64))).to_series()
    return pl.Series(
        [arrays if n * _ELEMENT_BYTES > _MOST_BYTES else [] for n in lengths],
        dtype=pl.List(pl.String),
    )

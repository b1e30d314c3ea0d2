"""A range of a run as Arrow batches, stretch by stretch: never more of it in memory than one."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from api.export.decoded import with_decoded
from api.export.rows import Rows
from db.catalogue.runs import Run
from db.engine import Engine
from db.errors import UsageError
from db.relations.read import read
from db.relations.relation import Relation
from db.results.ranges import of_rows
from db.results.rows import Lineage
from db.selection import names
from db.selection.to_polars import to_polars
from db.time import WHOLE
from db.words.ranges import of_hits
from software_triggers.task.names import lineage_of, partial, selection_over
from software_triggers.task.relations import read_frame
from software_triggers.window import Window

HITS_AT_ONCE = 500_000
ROWS_AT_ONCE = 50_000


@dataclass(frozen=True)
class Asked:
    """What is exported: rows of a run with times in [a, b) that a selection keeps."""

    run: Run
    what: str
    """``hits``, or the name of a trigger."""
    a: int
    b: int
    where: str = ""
    """A selection over its columns; empty for all."""
    lineage: str | None = None
    columns: tuple[str, ...] = ()
    """Those that are wanted; none for all."""
    decode: bool = False
    """Whether events come with their words decoded."""


def rows_of(engine: Engine, asked: Asked, folder: Path | None = None) -> Rows:
    """Return the rows asked for, in order of t, in batches that are read one by one.

    Raises UsageError and SelectionError at once, before the first batch.
    """
    if asked.what == "hits":
        (schema, batches), nullable = _hits(engine, asked), frozenset[str]()
    else:
        lineage = lineage_of(engine, asked.run, asked.what, asked.lineage, (asked.a, asked.b))
        schema, batches = _rows(engine, asked, lineage)
        nullable = frozenset(n for n, kind in lineage.columns.items() if "Nullable(" in kind)
    lacks = ""
    if asked.what != "hits":
        lacks = partial(engine, asked.run, lineage, (asked.a, asked.b))
    told: dict[str, str | int | float] = {
        "run": asked.run.run_id,
        "rows": asked.what,
        "where": asked.where,
        "tick_ns": float(asked.run.detector.tick),
        "detector": asked.run.detector.name,
        "fingerprint": asked.run.detector.fingerprint,
    }
    told |= {"start": asked.a} if asked.a > WHOLE[0] else {}
    told |= {"stop": asked.b} if asked.b < WHOLE[1] else {}
    told |= {"partial": lacks} if lacks else {}
    return Rows(asked.what, schema, batches, told, nullable, folder)


def _hits(engine: Engine, asked: Asked) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    detector = asked.run.detector
    known = ("t", "link", *detector.column_names, "raw")
    wanted = _known(asked, known) or known[:-1]
    selection = detector.selection(asked.where) if asked.where else None
    keep = to_polars(selection) if selection is not None else None
    looked_at = {"t", *wanted, *(names(selection) if selection is not None else ())}
    columns = tuple(name for name in known if name in looked_at)
    raw = [f"w{k}" for k in range(detector.words_per_hit)]
    shown = [n for column in wanted for n in (raw if column == "raw" else [column])]

    def frame(a: int, b: int) -> pl.DataFrame:
        rows = read_frame(engine, asked.run, Window(a, b), columns)
        if keep is not None:
            rows = rows.filter(keep)
        return rows[np.argsort(rows["t"].to_numpy(), kind="stable")].select(shown)

    def pieces() -> Iterator[pa.RecordBatch]:
        for a, b in of_hits(engine, asked.run, asked.a, asked.b, HITS_AT_ONCE):
            yield from frame(a, b).to_arrow().to_batches()

    return frame(0, 0).to_arrow().schema, pieces()


def _rows(
    engine: Engine, asked: Asked, lineage: Lineage
) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    wanted = _known(asked, tuple(lineage.columns)) or tuple(lineage.columns)
    where = selection_over(lineage, asked.where) if asked.where else None

    def table(a: int, b: int) -> pa.Table:
        found = read(engine, Relation(asked.what, asked.run, a, b, lineage, wanted, where))
        return with_decoded(asked.run.detector, found) if asked.decode else found

    schema = table(0, 0).schema

    def pieces() -> Iterator[pa.RecordBatch]:
        for a, b in of_rows(engine, asked.run, lineage, asked.a, asked.b, ROWS_AT_ONCE):
            yield from table(a, b).combine_chunks().to_batches()

    return schema, pieces()


def _known(asked: Asked, known: tuple[str, ...]) -> tuple[str, ...]:
    for name in asked.columns:
        if name not in known:
            raise UsageError(f"{asked.what} have no column {name!r}; they have: {', '.join(known)}")
    return asked.columns

"""Rows on their way into a file, batch by batch."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa


@dataclass(frozen=True)
class Rows:
    """What is exported: columns, and the rows in batches that come one by one."""

    name: str
    """What the rows are: hits, or a trigger's name."""
    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    told: Mapping[str, str | int | float] = field(default_factory=dict)
    """What should be known of the rows: run, range, length of a tick …"""
    nullable: frozenset[str] = frozenset()
    """Columns in which values may be null."""
    folder: Path | None = None
    """Where a file may grow that can't be streamed while it is written."""


Write = Callable[[Rows], Iterator[bytes]]
"""Makes bytes of rows. Whatever the number of rows, it holds no more than a batch."""

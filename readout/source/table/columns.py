"""The columns of a table that a declaration names."""

from collections.abc import Iterable

from db.detector.keys import suggest
from db.detector.table import Table
from db.errors import SourceError


def needed(found: Iterable[str], table: Table, name: str) -> list[str]:
    """The declared columns. Raises SourceError for one that the file doesn't have."""
    known = list(found)
    for column in table.columns:
        if column not in known:
            raise SourceError(f"{name}: it has no column {column}; {suggest(column, known)}")
    return list(table.columns)

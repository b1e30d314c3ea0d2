"""Tables in ROOT files: trees of plain branches."""

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import uproot

from db.detector.table import Table
from db.errors import SourceError
from readout.source.table.columns import needed
from readout.source.table.rows import Rows

PIECE_ROWS = 1 << 18
DAMAGE = (ValueError, LookupError, EOFError, NotImplementedError, zlib.error)


def read_root(path: Path, table: Table, piece_rows: int = PIECE_ROWS) -> Iterator[Rows]:
    """The rows of the declared tree, or of the only one that has the columns.

    Raises SourceError if there is none, or if it lacks a column.
    """
    try:
        with uproot.open(path) as file:
            tree = _tree(file, table, str(path))
            columns = needed(tree.keys(recursive=False), table, str(path))
            first = 0
            for piece in tree.iterate(columns, step_size=piece_rows, library="np"):
                frame = pl.DataFrame({name: piece[name] for name in columns})
                yield Rows(frame, first, "entry")
                first += frame.height
    except DAMAGE as error:
        reason = str(error).strip().split("\n")[0]
        raise SourceError(f"{path}: a ROOT file that can't be read: {reason}") from error


def _tree(file: Any, table: Table, name: str) -> Any:
    trees = sorted(file.keys(filter_classname="TTree", cycle=False))
    if table.place:
        if table.place not in trees:
            raise SourceError(f"{name}: it has no tree {table.place}; it has {', '.join(trees)}")
        return file[table.place]
    fitting = [t for t in trees if set(table.columns) <= set(file[t].keys(recursive=False))]
    if len(fitting) != 1:
        raise SourceError(
            f"{name}: one tree must have {', '.join(table.columns)}, of its trees"
            f" {', '.join(trees) or '(none)'} it is {', '.join(fitting) or 'none'}: name it in"
            " [table] place"
        )
    return file[fitting[0]]

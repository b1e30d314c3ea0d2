"""What a declaration says of tables: which columns of a row make a hit."""

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

FRAME = "frame"
"""The column of a stack of frames that has the number of each pixel's frame."""
OF_A_PIXEL = ("x", "y", "value")
"""Its columns that differ from pixel to pixel: the pixel's column and row, and what it measured."""
TIME = "table_time"
"""The field that holds a row's time."""


@dataclass(frozen=True)
class TimeColumn:
    """A column that is a part of the row's time."""

    column: str
    unit: Fraction | None
    """ns that one of it is worth; None if it holds a date and a time in UTC, as text."""


@dataclass(frozen=True)
class ValueColumn:
    """A column whose value, divided by ``unit`` and less ``lowest``, is kept in a field."""

    column: str
    name: str
    """The hit's column of what it means."""
    field: str
    unit: Fraction
    lowest: int
    width: int
    hexadecimal: bool


@dataclass(frozen=True)
class Table:
    """How to read a table, whatever kind of file it comes in."""

    times: tuple[TimeColumn, ...]
    """The row's time is their sum."""
    values: tuple[ValueColumn, ...]
    since: datetime | None
    """When the times count from; None if the file doesn't tell."""
    order: tuple[str, ...]
    """The columns of a text file that has no header; empty if there must be one."""
    separator: str
    """One character, or nothing for any number of blanks and tabs."""
    comment: str
    decimal: str
    missing: tuple[str, ...]
    """Texts that stand for no value."""
    skip_bad: bool
    """Whether rows that can't be a hit are counted and left out. Else the first one ends it."""
    place: str
    """The tree of a ROOT file, the group of an HDF5 file, or its dataset of frames; empty for the
    only one."""
    threshold: float | str | None
    """Of a stack of frames, whose pixels above it are the rows: a number, or a map with one for
    each pixel, a .npy file or a dataset. None where rows are rows."""
    masked: tuple[float, ...]
    """Values of pixels that measured nothing."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read, each once."""
        names = [each.column for each in self.times] + [each.column for each in self.values]
        return tuple(dict.fromkeys(names))

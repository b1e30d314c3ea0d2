"""Tables written as text: CSV and its relatives, in pieces of whole lines."""

import re
from collections.abc import Iterator
from io import BytesIO
from typing import IO

import numpy as np
import polars as pl
from numpy.typing import NDArray

from db.detector.table import Table
from db.errors import SourceError
from readout.source.table.rows import Rows

PIECE_BYTES = 1 << 22
HEADER_LINES = 100
"""A preamble may be so long."""
_BREAK, _BLANK = 10, 32
_BLANKS = re.compile(rb"[ \t]+")
_BLANK_LINES = re.compile(rb"\A([ \t\r]*\n)+|\n[ \t\r]*(?=\n|\Z)")
_EDGES = re.compile(rb"^[ \t]+|[ \t]+(?=\r?$)", re.MULTILINE)


def read_lines(
    stream: IO[bytes], table: Table, name: str, piece_bytes: int = PIECE_BYTES
) -> Iterator[Rows]:
    """The rows of a text, its declared columns as text or whole numbers; ``name`` is for errors.

    The header is the first of a hundred lines that names all declared columns; what stands above it
    is a preamble. Without such a line the declaration's ``order`` tells the columns. Blank lines,
    comments, a byte-order mark and cells behind the last column are passed over.

    Raises SourceError for a text without header and order, and for bytes that are no text.
    """
    rest = stream.read(piece_bytes)
    header, lines, start = _header(rest, table, name)
    rest = rest[start:]
    names = _cells(header, table) if header is not None else list(table.order)
    while rest:
        more = stream.read(piece_bytes)
        end = rest.rfind(b"\n") + 1 if more else len(rest)
        text, rest = rest[:end], rest[end:] + more
        if text.strip():
            rows = _rows(text, names, table, name, lines)
            if rows.frame.height:
                yield rows
        lines += text.count(b"\n")


def _header(start: bytes, table: Table, name: str) -> tuple[bytes | None, int, int]:
    """The header line, the number of the line below it, and where that one starts."""
    mark = 3 if start.startswith(b"\xef\xbb\xbf") else 0
    if b"\0" in start[:4096]:
        raise SourceError(f"{name}: this is no text, there are zero bytes in it")
    at, comment = mark, table.comment.encode()
    for number, line in enumerate(start[mark:].split(b"\n", HEADER_LINES)[:HEADER_LINES], 1):
        bare = line.strip()
        if comment:
            bare = bare.removeprefix(comment).strip()
        if set(table.columns) <= set(_cells(bare, table)):
            return bare, number + 1, at + len(line) + 1
        at += len(line) + 1
    if table.order:
        return None, 1, mark
    first = start[mark:].split(b"\n", 1)[0].strip().decode(errors="replace")
    raise SourceError(
        f"{name}: none of its first {HEADER_LINES} lines names the columns"
        f" {', '.join(table.columns)}; it starts with {first[:80]!r}. If it has no header, declare"
        " [table] order"
    )


def _cells(line: bytes, table: Table) -> list[str]:
    text = line.decode(errors="replace")
    cells = text.split(table.separator) if table.separator else text.split()
    return [cell.strip().strip('"') for cell in cells]


def _rows(text: bytes, names: list[str], table: Table, name: str, first_line: int) -> Rows:
    breaks = np.frombuffer(text, np.uint8) == _BREAK
    plain = _BLANK_LINES.sub(b"", text) if _may_have_blank_lines(text, breaks) else text
    plain = plain if table.separator else _EDGES.sub(b"", _BLANKS.sub(b" ", plain))
    dated = {each.column for each in table.times if each.unit is None}
    whole = set(table.columns) - dated - {v.column for v in table.values if v.hexadecimal}
    frame = _parsed(plain, names, table, name, whole)
    if any(_lost(frame, column) for column in whole):
        texts = _parsed(plain, names, table, name, set())
        frame = frame.with_columns(
            texts[column] for column in whole if _lost(frame, column)
        )  # decimals, or what is no number
    whole_text = frame.height == np.count_nonzero(breaks) + (not text.endswith(b"\n"))
    lines = None if whole_text else _numbers(text, table, first_line)
    return Rows(frame, first_line, "line", lines)


def _may_have_blank_lines(text: bytes, breaks: NDArray[np.bool_]) -> bool:
    """Whether a line starts with a blank or a break: an expression over all bytes takes ten times
    as long to say that none does.
    """
    starts = np.frombuffer(text, np.uint8)[1:] <= _BLANK
    return text[0] <= _BLANK or bool((breaks[:-1] & starts).any())


def _lost(frame: pl.DataFrame, column: str) -> bool:
    return frame[column].dtype == pl.Int64 and frame[column].null_count() > 0


def _parsed(
    text: bytes, names: list[str], table: Table, name: str, whole: set[str]
) -> pl.DataFrame:
    """The declared columns: those in ``whole`` as whole numbers where they are, others as text."""
    places = {column: names.index(column) for column in table.columns}
    try:
        frame = pl.read_csv(
            BytesIO(text),
            has_header=False,
            separator=table.separator or " ",
            comment_prefix=table.comment or None,
            columns=sorted(places.values()),
            schema={
                f"{place}": pl.Int64 if cell in whole and names.index(cell) == place else pl.String
                for place, cell in enumerate(names)
            },
            null_values=list(table.missing) or None,
            ignore_errors=True,
            truncate_ragged_lines=True,
            extra_columns="ignore",
            missing_columns="insert",
            encoding="utf8-lossy",
        )
    except pl.exceptions.NoDataError:
        return pl.DataFrame(schema=dict.fromkeys(table.columns, pl.String))
    except pl.exceptions.PolarsError as error:
        raise SourceError(f"{name}: {str(error).splitlines()[0]}") from error
    return frame.select(pl.col(f"{place}").alias(c) for c, place in places.items())


def _numbers(text: bytes, table: Table, first_line: int) -> NDArray[np.int64]:
    """The number of each line that holds a row."""
    comment = table.comment.encode()
    held = [
        number
        for number, line in enumerate(text.split(b"\n"), first_line)
        if line.strip() and not (comment and line.startswith(comment))
    ]
    return np.array(held, np.int64)

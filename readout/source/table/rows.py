"""Rows of a table become hit words; rows that can't be are named."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from db.detector import Detector, encode
from db.detector.layout import TIME_BITS
from db.detector.table import TIME, Table, TimeColumn, ValueColumn
from db.detector.words import Words
from db.errors import SourceError
from readout.source.block import Block, Suppressed, by_link

Numbers = NDArray[np.int64]
_MANY = 2**62


@dataclass
class Tally:
    """What became of a file's rows."""

    rows: int = 0
    bad: list[str] = field(default_factory=list)
    """What is wrong with the first bad rows, a sentence each."""
    n_bad: int = 0
    frames: int = 0
    """Frames that were read, if it is a stack of frames."""
    suppressed: int = 0
    """Their pixels that are no hits, and not 0."""


@dataclass(frozen=True, eq=False)
class Dark:
    """What was left out of some frames."""

    n_pixels: int
    """Pixels that are not 0."""
    rule: str
    frames: pl.DataFrame
    """The declared time columns of these frames, a row for each."""


@dataclass(frozen=True, eq=False)
class Rows:
    """A piece of a table: the declared columns, by name, as numbers or as text."""

    frame: pl.DataFrame
    first: int
    """Number of the first row, as the file's reader counts: 0 for the first one."""
    unit: str = "row"
    """What the file's reader counts: rows, or lines."""
    numbers: NDArray[np.int64] | None = None
    """The number of each row, where some between them hold no data."""
    dark: Dark | None = None
    """What was left out, if these are pixels of frames."""

    def place(self, row: int) -> str:
        """Where a row of the piece is in the file."""
        number = self.first + row if self.numbers is None else int(self.numbers[row])
        return f"{self.unit} {number}"


def blocks_of(
    pieces: Iterable[Rows], detector: Detector, name: str, link: int, tally: Tally
) -> Iterator[Block]:
    """The rows as blocks of words, piece by piece; ``name`` is what errors call the file.

    Raises SourceError for a row that is no hit, after all rows before it were delivered, unless the
    declaration says that bad rows are skipped: then ``tally`` counts them.
    """
    waiting: Suppressed | None = None
    for piece in pieces:
        words, bad = words_of(piece, detector)
        tally.rows += piece.frame.height
        if piece.dark is not None:
            tally.frames += piece.dark.frames.height
            tally.suppressed += piece.dark.n_pixels
            waiting = _together(waiting, piece.dark, detector)
        if len(words):
            for block in by_link(detector, words, link):
                yield replace(block, suppressed=waiting)
                link, waiting = block.link, None
        if bad:
            tally.n_bad += len(bad)
            tally.bad += [f"{piece.place(row)}: {why}" for row, why in bad[: 5 - len(tally.bad)]]
            if not _table(detector).skip_bad:
                row, why = bad[0]
                hint = "mend it, or let the declaration say bad_rows = 'skip'"
                raise SourceError(f"{name}: {piece.place(row)}: {why}; {hint}")
    if not tally.rows and tally.frames:
        raise SourceError(
            f"{name}: none of its {tally.frames} frames has a pixel above the threshold"
        )
    if not tally.rows:
        raise SourceError(f"{name}: there is not a single row in it")
    if waiting is not None:
        yield Block(link, np.empty(0, np.uint64), suppressed=waiting)


def _together(before: Suppressed | None, dark: Dark, detector: Detector) -> Suppressed | None:
    """What was suppressed before and in some more frames; nothing of frames without a time."""
    t, wrong = _times(dark.frames, detector)
    t = t[[row not in wrong for row in range(len(t))]]
    if not dark.n_pixels or not len(t):
        return before
    a, b, n = int(t.min()), int(t.max()) + 1, dark.n_pixels
    if before is not None:
        a, b, n = min(a, before.a), max(b, before.b), n + before.n_hits
    return Suppressed(a, b, n, dark.rule)


def words_of(piece: Rows, detector: Detector) -> tuple[Words, list[tuple[int, str]]]:
    """The rows as words, and the numbers within the piece of bad rows, with what is wrong there.

    Without ``bad_rows = 'skip'`` the words are those before the first bad row.
    """
    table = _table(detector)
    times, wrong = _times(piece.frame, detector)
    fields = {TIME: times}
    for value in table.values:
        counts, bad = _counts(piece.frame[value.column], value, table)
        low = value.lowest * value.unit
        high = (value.lowest + 2**value.width - 1) * value.unit
        says = f"must lie in {_plain(low)}..{_plain(high)}"
        _note(wrong, bad, piece.frame[value.column], says)
        fields[value.field] = counts
    rows = np.fromiter(sorted(wrong), np.int64, len(wrong))
    keep = np.ones(piece.frame.height, bool)
    if len(rows):
        keep[rows if table.skip_bad else np.arange(rows[0], len(keep))] = False
        fields = {name: numbers[keep] for name, numbers in fields.items()}
    return encode(detector, fields), [(int(row), wrong[int(row)]) for row in rows]


def _times(frame: pl.DataFrame, detector: Detector) -> tuple[Numbers, dict[int, str]]:
    """The ticks of each row, and what is wrong with rows that have no time."""
    table = _table(detector)
    wrong: dict[int, str] = {}
    total = np.zeros(frame.height, np.int64)
    for time in table.times:
        ticks, bad = _ticks(frame[time.column], time, detector.tick, table)
        _note(wrong, bad, frame[time.column], "is no time")
        total += ticks
    beyond = (total < 0) | (total >= 2**TIME_BITS)
    first = frame[table.times[0].column]
    _note(wrong, beyond, first, f"is no time from 0 to 2**{TIME_BITS} ticks of {detector.tick} ns")
    return total, wrong


def _table(detector: Detector) -> Table:
    if detector.table is None:
        raise SourceError(f"{detector.name} declares no [table]: a table's rows can't become hits")
    return detector.table


def _note(wrong: dict[int, str], bad: NDArray[np.bool_], values: pl.Series, says: str) -> None:
    """Say of the rows that are ``bad`` what is wrong, unless something was said already."""
    for row in np.flatnonzero(bad).tolist():
        value = values[row]
        shown = "is missing" if value is None or value == "" else f"is {value!r}, it {says}"
        wrong.setdefault(row, f"{values.name} {shown}")


def _ticks(
    values: pl.Series, time: TimeColumn, tick: Fraction, table: Table
) -> tuple[Numbers, NDArray[np.bool_]]:
    if time.unit is None:
        return _dates(values, tick)
    if values.dtype == pl.String:
        return _whole(*_parts(values, table, hexadecimal=False), time.unit / tick)
    return _whole(*_parts_of_numbers(values), time.unit / tick)


def _counts(
    values: pl.Series, column: ValueColumn, table: Table
) -> tuple[Numbers, NDArray[np.bool_]]:
    parts = (
        _parts(values, table, hexadecimal=column.hexadecimal)
        if values.dtype == pl.String
        else _parts_of_numbers(values)
    )
    counts, bad = _whole(*parts, 1 / column.unit)
    counts = counts - column.lowest
    high = 2 ** min(column.width, 62)
    bad |= (counts < 0) | (counts >= high)
    return np.where(bad, 0, counts), bad


def _parts_of_numbers(
    values: pl.Series,
) -> tuple[Numbers, NDArray[np.float64] | None, NDArray[Any]]:
    """The whole part of each, what is left of it if they have decimals, and which are none."""
    bad = values.is_null().to_numpy()
    if values.dtype.is_float():
        numbers = values.fill_null(0.0).to_numpy()
        bad = bad | ~(np.abs(numbers) < _MANY)
        numbers = np.where(bad, 0.0, numbers)
        whole = np.floor(numbers)
        return whole.astype(np.int64), numbers - whole, bad
    if values.dtype == pl.UInt64:
        bad = bad | (values > 2**63 - 1).fill_null(value=True).to_numpy()
    whole = values.cast(pl.Int64, strict=False).fill_null(0).to_numpy()
    return whole, None, bad


def _parts(
    values: pl.Series, table: Table, *, hexadecimal: bool
) -> tuple[Numbers, NDArray[np.float64] | None, NDArray[Any]]:
    """The same of texts: no digit of a long decimal number is lost, as a float would lose it."""
    text = values.str.strip_chars()
    if hexadecimal:
        bare = text.str.to_lowercase().str.strip_prefix("0x")
        return _parts_of_numbers(bare.str.to_integer(base=16, strict=False))
    if table.decimal != ".":
        text = text.str.replace(table.decimal, ".", literal=True)
    split = text.str.extract_groups(r"^([+-]?)(\d{1,19})(?:\.(\d*))?$").struct
    sign = np.where(split.field("1").fill_null("").to_numpy() == "-", -1, 1)
    digits = split.field("2").cast(pl.Int64, strict=False)
    decimals = ("0." + split.field("3").fill_null("0")).cast(pl.Float64, strict=False)
    whole = sign * digits.fill_null(0).to_numpy()
    rest = sign * decimals.fill_null(0.0).to_numpy()
    bad = digits.is_null().to_numpy()
    floats = text.cast(pl.Float64, strict=False)  # 1.5e3, and what has no whole part
    other = bad & floats.is_finite().fill_null(value=False).to_numpy()
    if other.any():
        others, left, beyond = _parts_of_numbers(floats)
        whole, rest = np.where(other, others, whole), np.where(other, left, rest)
        bad = bad & ~(other & ~beyond)
    return whole, rest, bad


def _whole(
    whole: Numbers, rest: NDArray[np.float64] | None, bad: NDArray[np.bool_], scale: Fraction
) -> tuple[Numbers, NDArray[np.bool_]]:
    """(whole + rest) * scale, rounded to the nearest; the whole part exactly. No rest is 0."""
    up, down = scale.numerator, scale.denominator
    most = _MANY // max(abs(up), 1)
    bad = bad | (whole > most) | (whole < -most)
    found = np.where(bad, 0, whole) * up
    if down > 1 or rest is not None:
        found, left = np.divmod(found, down)
        part = left / down if rest is None else left / down + rest * float(scale)
        found += np.floor(part + 0.5).astype(np.int64)
    return np.where(bad, 0, found) if rest is not None else found, bad


def _dates(values: pl.Series, tick: Fraction) -> tuple[Numbers, NDArray[np.bool_]]:
    """Dates and times in UTC, unless they name their zone, as ticks since 1970."""
    if values.dtype == pl.String:
        text = values.str.strip_chars().str.replace("T", " ", literal=True)
        zoned = text.str.replace("Z$", "+00:00")
        named = zoned.str.contains(r"[+-]\d\d:?\d\d$")
        zoned = pl.select(pl.when(named).then(zoned).otherwise(zoned + "+00:00")).to_series()
        known = zoned.str.to_datetime("%Y-%m-%d %H:%M:%S%.f%:z", time_unit="ns", strict=False)
        moments = known.dt.epoch("ns")
    else:
        moments = values.cast(pl.Datetime("ns"), strict=False).dt.epoch("ns")
    bad = moments.is_null().to_numpy()
    return _whole(moments.fill_null(0).to_numpy(), None, bad, 1 / tick)


def _plain(number: Fraction) -> str:
    return str(number) if number.denominator == 1 else f"{float(number):g}"

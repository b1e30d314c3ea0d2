"""A declaration to start from, out of a look at a table; what is unsure in it is said in it."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from db.errors import SourceError
from readout.source.table.guess_frames import guess_frames
from readout.source.table.sample import Sample, sample_of

_NAME_OF_TIME = re.compile(r"(?i)time|stamp|tag|clock|toa|^ts|^t(_|$|\b)|unix|^sec|nanos|^ns$")
_NAME_OF_CHANNEL = re.compile(r"(?i)^(ch|chan|channel|pixel|pmt|wire|detector|event_id|id)\w*$")
_UNIT_IN_NAME = re.compile(r"(?i)(?:^|[\W_])(ps|ns|us|ms|s|sec|seconds)(?:[\W_]|$)")
_UNIX_S = 5 * 10**8, 4 * 10**9
_UNITS = {"ps": "1 ps", "ns": "1 ns", "us": "1 us", "ms": "1 ms"}


@dataclass(frozen=True)
class _Column:
    name: str
    kind: str
    """whole, decimal, hexadecimal, date, or text."""
    values: pl.Series
    """As numbers, where it holds some."""
    places: int = 0
    """Decimals behind the point, at most."""


def guess(path: Path, name: str) -> str:
    """The text of a declaration of that name for the table, or the frames, in a file.

    Raises SourceError for a file that holds no table, or has no column that can be a time.
    """
    if (frames := guess_frames(path, name)) is not None:
        return frames
    sample = sample_of(path)
    columns = [_column(name, sample.frame[name], sample.decimal) for name in sample.frame.columns]
    times, unsure = _times(columns, str(path))
    lines = [
        f"# Guessed from the first {sample.frame.height} rows of {path.name}: read it through.",
        f"name = {_quoted(name)}",
        f"title = {_quoted(f'Hits of {path.name}')}",
        "",
        "[clock]",
        *_clock(columns, times),
        "",
        "[table]",
        *_form(sample),
        *([] if not sample.headless else ["# No header was found: the columns have numbers."]),
        *(f"# Unsure: {each}" for each in unsure),
        *_since(times, columns),
        f"time = {{ {', '.join(f'{_quoted(c)} = {_quoted(u)}' for c, u in times.items())} }}",
        "",
        "# A name for each value, its column, and a type with room for what may come.",
        "[table.values]",
    ]
    taken: set[str] = set()
    lines += [_value(column, taken) for column in columns if column.name not in times]
    return "\n".join(lines) + "\n"


def detector_name(path: Path) -> str:
    """A name for the detector of a file."""
    name = re.sub(r"\W+", "_", path.name.split(".")[0].lower(), flags=re.ASCII).strip("_")
    return name if name[:1].isalpha() else f"detector_{name}".strip("_")


def _column(name: str, values: pl.Series, decimal: str) -> _Column:
    if values.dtype.is_integer() or values.dtype == pl.Boolean:
        return _Column(name, "whole", values.cast(pl.Int64, strict=False))
    if values.dtype.is_float():
        return _Column(name, "decimal", values.cast(pl.Float64), 3)
    if values.dtype.is_temporal():
        return _Column(name, "date", values)
    if values.dtype != pl.String:
        return _Column(name, "text", values)
    text = values.str.strip_chars().drop_nulls()
    text = text.filter(text != "")
    if not len(text):
        return _Column(name, "text", text)
    if text.str.contains(r"^[+-]?\d{1,19}$").all():
        return _Column(name, "whole", text.cast(pl.Int64, strict=False))
    point = text.str.replace(decimal, ".", literal=True)
    numbers = point.cast(pl.Float64, strict=False)
    if not numbers.is_null().any():
        places = point.str.extract(r"\.(\d+)$").str.len_chars().max()
        return _Column(name, "decimal", numbers, min(int(str(places or 0)), 9))
    if text.str.contains(r"^0x[0-9a-fA-F]+$").all():
        whole = text.str.slice(2).str.to_integer(base=16, strict=False)
        return _Column(name, "hexadecimal", whole)
    if text.str.contains(r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d").all():
        return _Column(name, "date", text)
    return _Column(name, "text", text)


def _times(columns: Sequence[_Column], name: str) -> tuple[dict[str, str], list[str]]:
    """The columns that make the time, with their units, and what is unsure about it."""
    for column in columns:
        if column.kind in ("whole", "decimal") and _within(column, *_UNIX_S):
            parts = {column.name: "1 s"}
            behind = columns[columns.index(column) + 1 :]
            if column.kind == "whole" and behind and _nanoseconds(behind[0]):
                parts[behind[0].name] = "1 ns"
            return parts, []
    ordered = [c for c in columns if c.kind in ("whole", "decimal") and _grows(c)]
    named = [c for c in ordered if _NAME_OF_TIME.search(c.name)]
    dates = [c for c in columns if c.kind == "date"]
    if not named and dates:
        return {dates[0].name: "UTC"}, []
    for column in [*named, *ordered]:
        unit = _UNIT_IN_NAME.search(column.name)
        known = _UNITS.get(unit[1].lower(), "1 s") if unit else None
        unsure = []
        if column not in named:
            unsure.append(f"{column.name} is taken for the time because it grows.")
        if known is None:
            known = "1 s" if column.kind == "decimal" else "1 ns"
            unsure.append(f"nothing tells the unit of {column.name}; is one of it worth {known}?")
        return {column.name: known}, unsure
    raise SourceError(f"{name}: no column grows from row to row: none of them can be the time")


def _nanoseconds(column: _Column) -> bool:
    """Whether these can be the nanoseconds of a second."""
    return column.kind == "whole" and _within(column, 0, 10**9) and not _within(column, 0, 10**7)


def _grows(column: _Column) -> bool:
    values = column.values.drop_nulls().to_numpy()
    steps = np.diff(values)
    return len(steps) > 0 and bool(np.mean(steps >= 0) >= 0.8) and values[-1] > values[0]


def _within(column: _Column, low: int, high: int) -> bool:
    values = column.values.drop_nulls()
    return len(values) > 0 and bool(((values >= low) & (values < high)).all())


def _clock(columns: Sequence[_Column], times: Mapping[str, str]) -> list[str]:
    (first, *_), by_name = times, {column.name: column for column in columns}
    column, unit = by_name[first], times[first]
    lines = []
    if unit == "UTC" or (unit == "1 s" and len(times) == 1):
        places = 9 if unit == "UTC" else min(column.places, 9)
        lines.append(f"tick_ns = {10 ** (9 - places)}")
    back = 0.0
    if column.kind != "date" and len(times) == 1:
        steps = np.diff(column.values.drop_nulls().to_numpy())
        back = float(max(0, -steps.min())) if len(steps) else 0.0
    if not back:
        return [*lines, "# No row was earlier than the one before it.", 'disorder = "0 ns"']
    number, of = unit.split()
    worth = math.ceil(2 * back * float(number))
    shown = f"{worth * 1000} ns" if of == "us" else f"{worth} {of}"
    if of == "ps":
        shown = f"{math.ceil(worth / 1000)} ns"
    return [*lines, "# Twice the largest step back that was seen.", f'disorder = "{shown}"']


def _form(sample: Sample) -> list[str]:
    lines = []
    if sample.separator not in (None, ","):
        name = {"": "space", "\t": "\\t"}.get(str(sample.separator), str(sample.separator))
        lines.append(f'separator = "{name}"')
    if sample.comment:
        lines.append(f"comment = {_quoted(sample.comment)}")
    if sample.decimal != ".":
        lines.append(f"decimal = {_quoted(sample.decimal)}")
    if sample.headless:
        lines.append(f"order = [{', '.join(map(_quoted, sample.frame.columns))}]")
    if sample.place:
        lines.append(f"place = {_quoted(sample.place)}")
    return lines


def _since(times: Mapping[str, str], columns: Sequence[_Column]) -> list[str]:
    first = next(iter(times))
    column = next(each for each in columns if each.name == first)
    if times[first] == "1 s" and column.kind != "date" and _within(column, *_UNIX_S):
        return ["since = 1970-01-01T00:00:00Z"]
    return []


def _value(column: _Column, taken: set[str]) -> str:
    name = re.sub(r"\W+", "_", column.name.lower(), flags=re.ASCII).strip("_") or "value"
    if _NAME_OF_CHANNEL.match(column.name) and column.kind == "whole" and "channel" not in taken:
        name = "channel"
    name = name if name[0].isalpha() else f"c_{name}"
    if re.fullmatch(r"t|w\d+|epoch|link|hit|timed|corrupt|words|run_id|seq|detector", name):
        name = f"{name}_column"
    while name in taken:
        name += "_2"
    if column.kind in ("text", "date") or not len(column.values):
        return f"# {name} = {_quoted(column.name)}: its values are no numbers, so it is left out"
    taken.add(name)
    values = column.values.drop_nulls()
    low, high = float(values.min() or 0), float(values.max() or 0)  # type: ignore[arg-type]
    facts = [f"column = {_quoted(column.name)}"]
    unit = 1.0
    if column.kind == "decimal" and column.places:
        unit = 10.0**-column.places
        facts.append(f"unit = {unit:.{column.places}f}")
    most = max(abs(low), abs(high)) / unit
    least = 32 if _grows(column) and column.kind == "whole" else 8  # it may count on
    sizes = [bits for bits in (8, 16, 32) if bits >= least]
    bits = next((bits for bits in sizes if most * 4 < 2 ** (bits - (low < 0))), 62)
    facts.insert(1, f'type = "{"int" if low < 0 else "uint"}{bits}"')
    if column.kind == "hexadecimal":
        facts.append("base = 16")
    return f"{name} = {{ {', '.join(facts)} }}  # {low:.15g} to {high:.15g} seen"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
    return f'"{escaped}"'

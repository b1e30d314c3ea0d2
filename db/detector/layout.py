"""How the rows of a table become hits: a declaration may say so in place of bit fields.

Each row becomes a hit of one word or more: its time in 61 bits, and the values of its columns in
as many bits as their types have. From there on it is a detector like any other.
"""

import re
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from db.detector.detector import Field
from db.detector.keys import Keys
from db.detector.table import OF_A_PIXEL, TIME, Table, TimeColumn, ValueColumn
from db.detector.values import check_name
from db.errors import UsageError
from db.time import parse_duration

TIME_BITS = 61
_TYPE = re.compile(r"(u?)int([1-9]\d?)")
_DATE = "UTC"
_MOST = 1e300


def lay_out(keys: Keys) -> tuple[Keys, Table]:
    """The same declaration with bit fields in place of ``[table]``, and the table.

    What is wrong is noted: only if nothing is, do they hold.
    """
    for key in ("fields", "words_per_hit", "text"):
        if key in keys.values:
            problem = "a declaration of a [table] lays out its own words: remove this"
            keys.note(keys.wrong(key, problem))
    own = keys.table("table")
    times = _times(own.table("time"))
    values, columns = _values(own.table("values"))
    table = Table(
        times=times,
        values=values,
        since=own.tried("", None, _since, own, times),
        order=tuple(map(str, own.tried("", None, own.get, "order", list) or ())),
        separator=own.tried("", ",", _character, own, "separator", ","),
        comment=own.tried("", None, own.get, "comment", str) or "",
        decimal=own.tried("", ".", _character, own, "decimal", "."),
        missing=tuple(map(str, own.tried("", None, own.get, "missing", list) or ())),
        skip_bad=own.tried("", "", _one_of, own, "bad_rows", ("refuse", "skip")) == "skip",
        place=own.tried("", None, own.get, "place", str) or "",
        threshold=own.tried("", None, _threshold, own),
        masked=own.tried("", (), _masked, own),
    )
    own.close()
    if table.threshold is not None:
        for each in times:
            if each.column in OF_A_PIXEL:
                problem = "a frame's pixels share its time: name frame, or a dataset of times"
                own.note(own.table("time").wrong(each.column, problem))
    if lost := [name for name in table.columns if table.order and name not in table.order]:
        own.note(own.wrong("order", f"{lost[0]} is not among them: name all columns of a row"))
    fields, n_words = _places(values)
    clock = {"tick_ns": _finest(times), "disorder": 0, "slice": "1 s", "time": TIME}
    laid = {key: value for key, value in keys.values.items() if key != "table"}
    laid |= {
        "words_per_hit": n_words,
        "fields": {
            field.name: {"word": field.word, "bits": [field.low, field.low + field.width - 1]}
            for field in fields
        },
        "clock": clock | dict(keys.table("clock").values),
        "columns": columns | dict(keys.table("columns").values),
    }
    return keys.with_values(laid), table


def _times(keys: Keys) -> tuple[TimeColumn, ...]:
    if not keys.values:
        keys.note(keys.wrong("", "there is no column of the time: write one, as in TS = '1 ns'"))
    found = [keys.tried("", None, _time, keys, column) for column in keys.values]
    return tuple(each for each in found if each is not None)


def _time(keys: Keys, column: str) -> TimeColumn:
    text = keys.take(column, str)
    try:
        return TimeColumn(column, None if text == _DATE else _unit(text))
    except UsageError as error:
        raise keys.wrong(column, str(error)) from None


def _unit(text: str) -> Fraction:
    """The ns of ``"1 ps"``, ``"25 ns"`` or ``"-25/16 ns"``."""
    number, _, unit = text.strip().partition(" ")
    try:
        value = Fraction(number)
    except (ValueError, ZeroDivisionError):
        raise UsageError(
            f"{text!r}: write what one of it is worth, as '25 ns' or '1/16 s'"
        ) from None
    if not value:
        raise UsageError(f"{text!r}: it can't be worth nothing")
    if unit.strip() == "ps":
        return value / 1000
    return value * parse_duration(f"1 {unit}")


def _since(keys: Keys, times: tuple[TimeColumn, ...]) -> datetime | None:
    since = keys.get("since", datetime)
    dated = any(each.unit is None for each in times)
    if dated and since is not None:
        raise keys.wrong("since", "the column with dates says it already: remove this")
    if since is not None and since.tzinfo is None:
        raise keys.wrong("since", f"which zone? For UTC write {since.isoformat()}Z")
    return datetime(1970, 1, 1, tzinfo=UTC) if dated else since


def _finest(times: tuple[TimeColumn, ...]) -> str:
    return str(min((abs(each.unit) for each in times if each.unit), default=Fraction(1)))


def _values(keys: Keys) -> tuple[tuple[ValueColumn, ...], dict[str, str]]:
    """The value columns, and the expressions of those that aren't plain counts."""
    found = [keys.tried(name, None, _value, keys, name) for name in keys.values]
    columns = {}
    for each in found:
        if each is not None and each.field != each.name:
            shifted = f"({each.field} - {-each.lowest})" if each.lowest else each.field
            columns[each.name] = shifted if each.unit == 1 else f"{shifted} * {float(each.unit)!r}"
    return tuple(each for each in found if each is not None), columns


def _value(keys: Keys, name: str) -> ValueColumn:
    check_name(keys, name)
    given = keys.values[name]
    place = keys.part(name, {"column": given}) if isinstance(given, str) else keys.table(name)
    column = place.tried("", "", place.take, "column", str)
    lowest, width = place.tried("", (0, 32), _type, place)
    unit = place.tried("", Fraction(1), _value_unit, place)
    hexadecimal = place.tried("", 10, _one_of, place, "base", (10, 16)) == 16
    place.finish()
    field = name if unit == 1 and not lowest else f"{name}_counts"
    return ValueColumn(column, name, field, unit, lowest, width, hexadecimal)


def _type(keys: Keys) -> tuple[int, int]:
    """The lowest value of an integer type, and its bits."""
    kind = keys.get("type", str) or "uint32"
    match = _TYPE.fullmatch(kind)
    if match is None or not (1 if match[1] else 2) <= int(match[2]) <= 64:
        raise keys.wrong("type", f"{kind!r}: write uint1 to uint64, or int2 to int64")
    width = int(match[2])
    return 0 if match[1] else -(2 ** (width - 1)), width


def _value_unit(keys: Keys) -> Fraction:
    value = keys.get("unit", object)
    if value is None:
        return Fraction(1)
    try:
        unit = Fraction(str(value))
    except (ValueError, ZeroDivisionError):
        unit = Fraction(0)
    if unit <= 0:
        raise keys.wrong("unit", f"{value!r}: write what one count is worth, as 0.1 or '1/8'")
    return unit


def _threshold(keys: Keys) -> float | str | None:
    value = keys.get("threshold", object)
    if value is None or (isinstance(value, str) and value):
        return value
    if not _is_finite(value):
        problem = f"{value!r}: write a number, or in quotes a .npy file or a dataset with a map"
        raise keys.wrong("threshold", problem)
    return value  # type: ignore[return-value]


def _masked(keys: Keys) -> tuple[float, ...]:
    values = keys.get("masked", list) or []
    for value in values:
        if not _is_finite(value):
            raise keys.wrong("masked", f"{value!r}: write numbers, as [-1, 65535]")
    if values and keys.get("threshold", object) is None:
        raise keys.wrong("masked", "this is for frames: add threshold, or remove it")
    return tuple(values)


def _is_finite(value: object) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and -_MOST < value < _MOST  # type: ignore[operator]


def _one_of(keys: Keys, key: str, known: tuple[Any, ...]) -> Any:
    value = keys.get(key, object)
    if value is not None and value not in known:
        raise keys.wrong(key, f"{value!r}: write {' or '.join(map(repr, known))}")
    return known[0] if value is None else value


def _character(keys: Keys, key: str, default: str) -> str:
    """One ASCII character; ``"space"`` is none: any number of blanks and tabs."""
    value = keys.get(key, str) or default
    if value == "space" and key == "separator":
        return ""
    if len(value) != 1 or not value.isascii() or value in '\r\n"':
        raise keys.wrong(key, f"{value!r}: write one character, as ';' or '\\t'")
    return value


def _places(values: tuple[ValueColumn, ...]) -> tuple[list[Field], int]:
    """Where the bits lie: the time first, then each value in the first word with room for it."""
    ends = [TIME_BITS]
    fields = [Field(TIME, 0, 0, TIME_BITS)]
    for value in values:
        word = next((n for n, end in enumerate(ends) if end + value.width <= 64), len(ends))
        if word == len(ends):
            ends.append(0)
        fields.append(Field(value.field, word, ends[word], value.width))
        ends[word] += value.width
    return fields, len(ends)

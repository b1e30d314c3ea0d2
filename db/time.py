"""Durations and moments as people write them, turned into whole ticks without a float."""

import re
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from fractions import Fraction
from math import prod

from db.errors import UsageError

WHOLE = -(2**62), 2**62
"""All times that a run may have, in ticks [a, b): the range meant where none is named."""

_NS = {
    "ns": Fraction(1),
    "us": Fraction(10**3),
    "ms": Fraction(10**6),
    "s": Fraction(10**9),
    "min": Fraction(60 * 10**9),
    "h": Fraction(3600 * 10**9),
    "d": Fraction(24 * 3600 * 10**9),
}
_NUMBER_AND_UNIT = re.compile(r"\s*([+-]?(?:\d+(?:\.\d*)?|\.\d+))\s*([^\W\d_]+)\s*", re.ASCII)
_ISO_FRACTION = re.compile(r"(?<=:\d\d)[.,](\d+)", re.ASCII)
_FACTOR = r"\s*\d+\s*(?:\*\*\s*\d\d?\s*)?"
_PRODUCT = re.compile(rf"{_FACTOR}(?:\*{_FACTOR})*", re.ASCII)
_TICKS = re.compile(r"\s*[+-]?\d+\s*", re.ASCII)


def parse_duration(text: str) -> Fraction:
    """The nanoseconds in a text such as ``"1 us"``, ``"390 ns"`` or ``"1.5h"``, exactly.

    Raises UsageError where the text is no number with a unit, or is negative.
    """
    ns = _nanoseconds(text)
    if ns < 0:
        raise UsageError(f"duration {text!r}: a duration is not negative; drop the minus")
    return ns


def duration_ticks(text: str, tick: Fraction) -> int:
    """The fewest whole ticks that cover a duration; ``tick`` is one tick in ns.

    Rounded up: a reach or a disorder of a tick too much is safe, one too few loses hits.
    """
    return _ceil(parse_duration(text) / tick)


def ticks(value: int | str, tick: Fraction) -> int:
    """The ticks that a declaration means by a number, a product or a duration.

    ``3564`` and ``"2**32 * 3564 * 30"`` are ticks as they stand; ``"10 ms"`` is rounded up as by
    duration_ticks. Raises UsageError where the text is none of these.
    """
    if isinstance(value, int):
        return value
    if _PRODUCT.fullmatch(value) is None:
        return duration_ticks(value, tick)
    factors = (factor.partition("^") for factor in value.replace("**", "^").split("*"))
    return prod(int(base) ** int(exponent or 1) for base, _, exponent in factors)


def parse_moment(text: str | int, tick: Fraction, started_at: datetime | None = None) -> int:
    """The ticks since the run's start that a moment lies at; ``tick`` is one tick in ns.

    A moment is a number of ticks (``123456``), a time since the run's start with its unit
    (``"12.5 s"``, ``"3ms"``), or a date with its zone (``"2026-11-21T10:00:00Z"``), for which
    ``started_at`` must be known. Between two ticks the later one is meant, so that [a, b) holds
    exactly the ticks that begin in it. Before the run's start it is negative.

    Raises UsageError where the text is none of these, or where the run's start is needed.
    """
    if isinstance(text, int):
        return text
    if _TICKS.fullmatch(text):
        return int(text)
    if _NUMBER_AND_UNIT.fullmatch(text):
        return _ceil(_nanoseconds(text) / tick)
    when, beyond_us = _date(text)
    if started_at is None:
        raise UsageError(
            f"moment {text!r}: a date needs the run's start, which isn't known here; "
            "give ticks or seconds since the start, such as '12.5 s'"
        )
    since_start = Fraction((when - started_at) // timedelta(microseconds=1)) * 1000 + beyond_us
    return _ceil(since_start / tick)


def parse_range(
    start: str | int | None, stop: str | int | None, tick: Fraction, started_at: datetime
) -> tuple[int, int]:
    """The range [a, b) in ticks between two moments; a side that is not named is not cut.

    Results may lie before a run's first hit and behind its last: no hit bounds the range. Raises
    UsageError where a text is no moment, or the range is empty or beyond ``WHOLE``.
    """
    a = WHOLE[0] if start is None else parse_moment(start, tick, started_at)
    b = WHOLE[1] if stop is None else parse_moment(stop, tick, started_at)
    if not WHOLE[0] <= a < b <= WHOLE[1]:
        raise UsageError(f"the range [{a}, {b}) is empty, or beyond any run: start < stop")
    return a, b


def _nanoseconds(text: str) -> Fraction:
    match = _NUMBER_AND_UNIT.fullmatch(text)
    if match is None:
        raise UsageError(f"duration {text!r}: write a number and a unit, such as '10 ms'")
    number, unit = match.groups()
    if unit not in _NS:
        near = get_close_matches(unit, _NS, 1, 0.5)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise UsageError(f"duration {text!r}: no unit {unit!r}; {hint}units are {', '.join(_NS)}")
    return Fraction(number) * _NS[unit]


def parse_date(text: str) -> datetime:
    """The date in a text such as ``"2013-09-10T12:00:00Z"``, down to whole microseconds, in UTC.

    Raises UsageError where it is none, or lacks its zone.
    """
    when, beyond_ns = _date(text)
    return when + timedelta(microseconds=int(beyond_ns // 1000))


def _date(text: str) -> tuple[datetime, Fraction]:
    """The date down to whole seconds, and the ns after it: datetime itself stops at 1 us."""
    fraction = _ISO_FRACTION.search(text)
    ns = Fraction(0) if fraction is None else Fraction(int(fraction[1]), 10 ** len(fraction[1]))
    try:
        when = datetime.fromisoformat(_ISO_FRACTION.sub("", text, count=1).strip())
    except ValueError:
        raise UsageError(
            f"moment {text!r}: write ticks (123456), a time since the run's start ('12.5 s'), "
            "or a date ('2026-11-21T10:00:00Z')"
        ) from None
    if when.tzinfo is None:
        raise UsageError(f"moment {text!r}: which zone? Add Z for UTC: '{text.strip()}Z'")
    return when.astimezone(UTC), ns * 10**9


def _ceil(value: Fraction) -> int:
    return -(-value.numerator // value.denominator)


def is_duration(text: object) -> bool:
    """Whether this is a text that ``parse_duration`` takes: a number and a unit of time."""
    match = _NUMBER_AND_UNIT.fullmatch(text) if isinstance(text, str) else None
    return match is not None and match[2] in _NS

"""Single values of a declaration, checked. All raise DeclarationError."""

import keyword
import math
import re
from fractions import Fraction

from db.detector.detector import EPOCH
from db.detector.keys import Keys
from db.errors import UsageError
from db.selection.parse import FUNCTIONS
from db.time import ticks

_NAME = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
# What means something already in a store's views, or among a detector's own expressions.
_TAKEN = re.compile(
    r"t|w\d+|epoch|link|hit|timed|corrupt|words|run_id|seq|detector|t_first|t_last|watermark"
    r"|n_hits|n_corrupt|n_suspect|checksum|recorded_at"
)


def own_name(keys: Keys) -> str:
    """The detector's name."""
    name = keys.take("name", str)
    if not _NAME.fullmatch(name):
        raise keys.wrong("name", f"{name!r}: use small letters, digits and _")
    return name


def check_name(keys: Keys, name: str) -> None:
    """Check that a name of a field, column, constant or table is fit for SQL and selections."""
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise keys.wrong(name, "this is no name: use small letters, digits and _")
    if _TAKEN.fullmatch(name) or name in FUNCTIONS:
        raise keys.wrong(name, "this name has a meaning of its own: choose another one")


def bits_of(place: Keys) -> tuple[int, int]:
    """The lowest and the highest bit of a field."""
    match place.take("bits", list):
        case [low, high] if type(low) is type(high) is int and 0 <= low <= high <= 63:
            return low, high
        case wrong:
            raise place.wrong("bits", f"{wrong}: write [lowest, highest], both in 0..63")


def wrap_of(clock: Keys, tick: Fraction) -> int | None:
    """The ticks after which a counter starts again; None if it never does."""
    return ticks_of(clock, "wrap", tick, 1) if "wrap" in clock.values else None


def tick_of(clock: Keys) -> Fraction:
    """One tick in ns, exactly."""
    value = clock.take("tick_ns", object)
    try:
        tick = Fraction(value) if isinstance(value, int | str) else Fraction(0)
    except (ValueError, ZeroDivisionError):
        tick = Fraction(0)
    if tick <= 0:
        raise clock.wrong("tick_ns", f"{value!r}: write a number of ns, or a fraction as '25/30'")
    return tick


def ticks_of(clock: Keys, key: str, tick: Fraction, least: int) -> int:
    """A time in ticks of ``tick`` ns, which are ``least`` or more."""
    value = clock.take(key, object)
    try:
        found = ticks(value, tick) if isinstance(value, int | str) else -1
    except UsageError as error:
        raise clock.wrong(key, str(error)) from None
    if not least <= found <= EPOCH.hi:
        raise clock.wrong(key, f"{value!r}: write {least} ticks or more, or a time as '10 ms'")
    return found


def whole(keys: Keys, key: str, default: int, within: tuple[int, int]) -> int:
    """A whole number from the first of ``within`` to the second."""
    value = keys.get(key, int)
    value = default if value is None else value
    if not within[0] <= value <= within[1]:
        raise keys.wrong(key, f"{value}: it must lie in {within[0]}..{within[1]}")
    return value


def number(keys: Keys, key: str, value: object) -> float:
    """An int of 64 bits or a finite float."""
    match value:
        case int() if not isinstance(value, bool) and -(2**63) <= value < 2**63:
            return value
        case float() if math.isfinite(value):
            return value
    raise keys.wrong(key, f"{value!r} is no finite number")

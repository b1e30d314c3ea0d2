"""Parameters of triggers: which type each has, and values that fit it or are refused."""

import inspect
import math
import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, get_type_hints

from db.errors import TriggerError, UsageError
from db.time import duration_ticks, is_duration, parse_duration

_INTEGER = re.compile(r"(U?)Int(8|16|32|64)")
_FLAGS = {"1": True, "true": True, "yes": True, "on": True}
_FLAGS |= {"0": False, "false": False, "no": False, "off": False}
_SIMPLE: dict[type, str] = {bool: "Bool", int: "Int64", float: "Float64", str: "String"}

SQL_TYPES = r"U?Int(?:8|16|32|64)|Float(?:32|64)|String"

Kind = str
"""Int8 to UInt64, Float32, Float64, Bool, String, or an integer type behind "time ", which takes
durations and reaches the trigger in ticks. File: a path, absolute; what is in the file counts."""

FILE = "File"


def kind_of(default: object, declared: Literal["file", "str", ""] = "") -> Kind:
    """Return the kind of a parameter of a Python trigger by its default value.

    A text like ``"25 ns"`` is a time, unless the parameter is declared as text.
    """
    if declared == "file" or isinstance(default, Path):
        return FILE
    if declared != "str" and is_duration(default):
        return "time Int64"
    return _SIMPLE.get(type(default), "")


def kinds_of(function: Callable[..., Any]) -> dict[str, Kind]:
    """Return the kinds of a function's parameters that have defaults."""
    parameters = inspect.signature(function).parameters.values()
    try:
        hints = get_type_hints(function)
    except Exception:  # names that exist for type checkers only
        hints = {}
    return {
        each.name: kind_of(each.default, _declared(hints.get(each.name, each.annotation)))
        for each in parameters
        if each.default is not each.empty
    }


def _declared(annotation: object) -> Literal["file", "str", ""]:
    if annotation in (Path, "Path"):
        return "file"
    return "str" if annotation in (str, "str") else ""


def checked(name: str, kind: Kind, value: Any) -> Any:
    """Return a value, given as text or in JSON, in the type of its parameter; times stay as given.

    Raises TriggerError for what does not fit it.
    """
    if kind.startswith("time "):
        return _time(name, kind, value)
    if _INTEGER.fullmatch(kind):
        return _whole(name, kind, value)
    if kind.startswith("Float"):
        return _number(name, kind, value)
    if kind == FILE:
        if not isinstance(value, str | Path) or not str(value):
            raise TriggerError(f"{name} = {value!r} is no path of a file")
        return str(Path(value).absolute())
    if kind == "Bool":
        flag = _FLAGS.get(str(value).strip().lower())
        if flag is None:
            raise TriggerError(f"{name} = {value!r} is neither true nor false: write one of them")
        return flag
    if kind == "String" and not isinstance(value, str):
        raise TriggerError(f"{name} = {value!r} is no text: write it in quotes")
    return value


def in_ticks(
    params: Mapping[str, Any], kinds: Mapping[str, Kind], tick: Fraction
) -> dict[str, Any]:
    """Return the parameters with times turned into ticks, rounded up.

    Raises TriggerError for a time that its type can't hold.
    """
    out = {}
    for name, value in params.items():
        kind = kinds.get(name, "")
        if kind.startswith("time ") and isinstance(value, str):
            ticks = duration_ticks(value, tick)
            _in_range(name, kind.removeprefix("time "), ticks, f"{value} is {ticks} ticks")
            out[name] = ticks
        else:
            out[name] = value
    return out


def _time(name: str, kind: Kind, value: Any) -> Any:
    if isinstance(value, str) and is_duration(value):
        try:
            parse_duration(value)
        except UsageError as fault:
            raise TriggerError(f"{name}: {fault}") from None
        return value
    try:
        ticks = _whole(name, kind.removeprefix("time "), value)
    except TriggerError:
        raise TriggerError(
            f"{name} = {value!r} is no duration: write it like 25 ns, or as a number of ticks"
        ) from None
    if ticks < 0:
        raise TriggerError(f"{name} = {value!r}: a duration is not negative; drop the minus")
    return ticks


def _whole(name: str, kind: Kind, value: Any) -> int:
    hint = ": only times take units" if is_duration(value) else ""
    wrong = TriggerError(f"{name} = {value!r} is no whole number{hint}")
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise wrong
    try:
        number = int(value)
    except (TypeError, ValueError):
        raise wrong from None
    _in_range(name, kind, number, str(number))
    return number


def _in_range(name: str, kind: Kind, number: int, told: str) -> None:
    match = _INTEGER.fullmatch(kind)
    assert match
    bits = int(match[2])
    low, high = (0, 2**bits - 1) if match[1] else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    if not low <= number <= high:
        raise TriggerError(f"{name}: {told}, not in {low} to {high}, the range of {kind}")


def _number(name: str, kind: Kind, value: Any) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if math.isnan(number):
        hint = ": only times take units" if is_duration(value) else ""
        raise TriggerError(f"{name} = {value!r} is no number{hint}")
    if kind == "Float32" and math.isfinite(number) and abs(number) > 3.4028235e38:
        raise TriggerError(f"{name} = {value!r} is beyond Float32")
    return number

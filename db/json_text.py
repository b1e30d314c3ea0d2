"""JSON that every parser takes: it has no numbers that are not finite."""

import json
import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any


def finite(value: Any) -> Any:
    """Return a value in which infinite numbers and NaN are the texts inf, -inf and nan.

    These are what parameters given as text are read from.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return str(float(value))
    if isinstance(value, Mapping):
        return {_key(key): finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [finite(each) for each in value]
    return value


def json_text(
    value: Any,
    *,
    default: Callable[[Any], Any] | None = None,
    sort_keys: bool = False,
    separators: tuple[str, str] | None = None,
) -> str:
    """Return a value as JSON; ``default`` makes something of what JSON does not know."""
    write = partial(json.dumps, sort_keys=sort_keys, separators=separators, allow_nan=False)
    try:
        return write(value, default=default)
    except ValueError:  # a number that is not finite: rare, and only then all is looked at
        return write(finite(value), default=default and (lambda each: finite(default(each))))


def _key(key: Any) -> Any:
    return str(key) if isinstance(key, float) else key

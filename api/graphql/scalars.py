"""Values that GraphQL does not know by itself.

JSON's numbers are floats to many readers, exact to 2**53 only. So whatever may be larger goes out
as a decimal string, always, and comes in as a string or an integer: ``Ticks`` for times, ``Int64``
for counts, raw words and other integers of up to 64 bits.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NewType, TypeAlias

import strawberry
from graphql import GraphQLError
from strawberry.scalars import JSON
from strawberry.types.scalar import ScalarDefinition

if TYPE_CHECKING:  # what resolvers return and take is plain
    Ticks: TypeAlias = int
    Int64: TypeAlias = int
    Moment: TypeAlias = str
else:
    Ticks = NewType("Ticks", int)
    Int64 = NewType("Int64", int)
    Moment = NewType("Moment", str)

_WHOLE = re.compile(r"[+-]?\d{1,20}", re.ASCII)


def _wrong(message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": "usage"})


def _whole(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif isinstance(value, str) and _WHOLE.fullmatch(value):
        number = int(value)
    else:
        raise _wrong(f'{value!r} is no whole number: write it as a string, like "1234"')
    if not -(2**63) <= number < 2**64:
        raise _wrong(f"{number} does not fit in 64 bits")
    return number


def _moment(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str):
        return value
    raise _wrong(f'{value!r} is no moment: write ticks, "12.5 s", or an ISO date with zone')


SCALARS: Mapping[object, ScalarDefinition] = {
    Ticks: strawberry.scalar(
        name="Ticks",
        description="A time in ticks of the detector's clock since the run's start, a whole number"
        " of 64 bits with sign. It goes out as a decimal string, since JSON's numbers lose digits"
        " beyond 2**53; a string or an integer comes in. Run.tickNs says how long a tick is.",
        serialize=str,
        parse_value=_whole,
    ),
    Int64: strawberry.scalar(
        name="Int64",
        description="A whole number of up to 64 bits (a count, a raw word): a decimal string going"
        " out, a string or an integer coming in.",
        serialize=str,
        parse_value=_whole,
    ),
    Moment: strawberry.scalar(
        name="Moment",
        description="A point of a run's time as people write it: ticks since the run's start"
        ' ("123456"), a time since then with its unit ("12.5 s"), or an ISO date with its zone'
        ' ("2026-11-21T10:00:00Z"). Ranges are half-open: [start, stop).',
        serialize=str,
        parse_value=_moment,
    ),
}


def as_json(value: Any) -> Any:
    """Return a value of a row as JSON can say it: 64-bit integers that JSON would harm as strings.

    In a column of Int64 or UInt64 use ``str`` on all values instead, so that the kind never varies.
    """
    if isinstance(value, list):
        return [as_json(each) for each in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), -float("inf"))):
        return None  # JSON has no NaN and no infinity
    return value


__all__ = ["JSON", "SCALARS", "Int64", "Moment", "Ticks", "as_json"]

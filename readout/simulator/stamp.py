"""Times written into words, the other way round than they are read."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from db.detector import Detector, decode, encode
from db.detector.words import Words
from db.errors import DeclarationError, UsageError
from db.selection import Node, names, to_numpy

Integers = NDArray[np.int64]

STATE = ("hit", "corrupt", "t")
WIDEST_LISTED = 16
"""A field of up to this many bits is tried with every value; a wider one with powers of two."""


@dataclass(frozen=True, eq=False)
class Digit:
    """One field that carries time. A sound hit holds values from ``low`` to ``high``, inclusive."""

    field: str
    step: int
    """Ticks that one unit of the field is worth."""
    low: int
    high: int
    spoilt: Integers
    """Values that make a hit corrupt."""
    weight: Words
    """What one unit adds to a hit's words, shape (words_per_hit,)."""
    mask: Words
    """The field's bits in a hit's words, shape (words_per_hit,)."""


@dataclass(frozen=True, eq=False)
class Clock:
    """How hits carry time: a number in mixed radix, read off the declaration's ``time``.

    Time is linear in its fields, and so are the words: a few decoded examples tell all.
    """

    digits: tuple[Digit, ...]
    """Largest step first."""
    example: Mapping[str, int]
    """The fields of a sound hit whose digits are all ``low``: what is stamped looks like this."""
    origin: int
    """The example's time."""
    reach: int
    """Ticks from the origin that the digits can count."""
    wrap: int | None


def clock_of(detector: Detector, among: Node | None = None) -> Clock:
    """The clock of a detector's hits, or of those among them that a selection takes.

    Raises DeclarationError if the fields that ``time`` grows evenly with can't make every tick.
    """
    example = _sound_hit(detector, among)
    probed = [_probe(detector, example, field.name, field.width) for field in detector.fields]
    digits = sorted((d for d in probed if d is not None), key=lambda d: d.step, reverse=True)
    reach = 1
    for digit in reversed(digits):
        reach = digit.step * (digit.high - digit.low + 1) if digit.step <= reach else 0
    # Corrupt values take a part of what a counter without wraps could hold, a field most of it.
    if reach < (detector.wrap or max(2, detector.time.hi // 2)):
        steps = ", ".join(f"{d.field} {d.low} to {d.high} in steps of {d.step}" for d in digits)
        raise DeclarationError(
            f"detector {detector.name}: no words can be made for every tick of time, to which add "
            f"evenly: {steps or 'no fields'}; mend time, tick or wrap"
        )
    example |= {digit.field: digit.low for digit in digits}
    origin = int(decode(detector, pack(detector, example), columns=("t",))["t"][0])
    return Clock(tuple(digits), example, origin, reach, detector.wrap)


def stamp(clock: Clock, words: Words, t: Integers) -> Words:
    """The words with the times ``t`` written into them.

    ``words`` has the shape (hits, words_per_hit) and the clock's example in the fields of time;
    what comes back has the same shape. ``t`` counts ticks of the words' own counter, wraps not yet
    taken off. Raises UsageError for a time that a counter without wraps can't hold.
    """
    if clock.wrap is not None and t.max(initial=0) >= clock.wrap:
        t = t % clock.wrap
    rest = t - clock.origin
    if len(rest) and not 0 <= rest.min() <= rest.max() < clock.reach:
        raise UsageError(
            f"a time of {t[(rest < 0) | (rest >= clock.reach)][0]} ticks doesn't fit into a word: "
            f"stay between {clock.origin} and {clock.origin + clock.reach - 1}"
        )
    left, stamped = rest.view(np.uint64), words
    for digit in clock.digits:
        count = left // np.uint64(digit.step)
        left = left - count * np.uint64(digit.step)
        stamped = stamped + count[:, None] * digit.weight
    return stamped


def spoil(clock: Clock, words: Words, rng: np.random.Generator) -> Words:
    """The words made corrupt through the finest field of time; shape (hits, words_per_hit).

    Raises UsageError if the declaration calls no value of that field corrupt.
    """
    digit = clock.digits[-1]
    if not len(digit.spoilt):
        raise UsageError(f"no value of {digit.field} is corrupt: ask for no corrupt words")
    values = rng.choice(digit.spoilt, len(words)).astype(np.uint64)
    return (words & ~digit.mask) | values[:, None] * digit.weight


def pack(
    detector: Detector,
    example: Mapping[str, int],
    varied: Mapping[str, NDArray[np.integer[Any]]] = MappingProxyType({}),
) -> Words:
    """Words like the example, but for the fields that are varied; one hit if none is.

    They are flat, as ``decode`` takes them.
    """
    n = max((len(values) for values in varied.values()), default=1)
    return encode(detector, {k: np.full(n, v) for k, v in example.items()} | dict(varied))


def _probe(detector: Detector, example: Mapping[str, int], name: str, width: int) -> Digit | None:
    """The field as a digit of time; None if time doesn't grow evenly with it."""
    listed = range(2**width) if width <= WIDEST_LISTED else (2**bit for bit in range(width))
    values = np.unique(np.array([0, *listed, 2**width - 1], np.int64))
    columns = decode(detector, pack(detector, example, {name: values}), columns=STATE)
    sound = columns["hit"] & ~columns["corrupt"]
    held, t = values[sound], columns["t"][sound]
    low, high = int(held[0]), int(held[-1])
    step = int(t[-1] - t[0]) // max(1, high - low)
    gaps = width <= WIDEST_LISTED and high - low >= len(held)
    if step < 1 or gaps or (t - t[0] != step * (held - low)).any():
        return None
    none = dict.fromkeys(example, 0)
    weight, mask = pack(detector, none | {name: 1}), pack(detector, none | {name: 2**width - 1})
    return Digit(name, step, low, high, values[columns["corrupt"]], weight, mask)


def _sound_hit(detector: Detector, among: Node | None) -> dict[str, int]:
    """The fields of some hit that is not corrupt, met by chance."""
    rng = np.random.default_rng(0)
    for _ in range(256):
        fields = {f.name: rng.integers(0, 2**f.width, 4096, np.uint64) for f in detector.fields}
        wanted = [*STATE, *(names(among) if among is not None else ())]
        columns = decode(detector, encode(detector, fields), columns=wanted)
        sound = columns["hit"] & ~columns["corrupt"]
        if among is not None:
            sound &= to_numpy(among, columns)
        if sound.any():
            return {name: int(values[sound][0]) for name, values in fields.items()}
    raise DeclarationError(
        f"detector {detector.name}: there is no sound hit among a million random words; mend the "
        "selections hit and corrupt, or make fields narrower"
    )

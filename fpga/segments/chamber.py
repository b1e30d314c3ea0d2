"""A chamber of four layers in whole ticks of drift: what the finder and its model share."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import gcd, isqrt, sqrt

import numpy as np

from db.detector import Detector, decode, encode
from db.errors import UsageError

LAYERS = 4
PATHS = 1 << LAYERS - 1
"""Of cells, one in each layer, each half a cell left or right of that before."""
ACROSS = (-3, -1, 1, 3)
"""Twice the layers' places: ten times the slope is the sum of these times the crossings."""
MM_MARGIN = 0.3
"""A pattern that tracks meet in a narrower strip than this isn't looked for."""


@dataclass(frozen=True)
class Pattern:
    """Cells of the four layers and the sides on which a track passes their wires.

    The drift time of layer k is t_k - t0; the track crosses it at X_k + s_k (t_k - t0), with X_k
    the wire's place and all lengths in ticks of drift. It is straight if the sum of
    c_k (X_k + s_k t_k) is 0, and n t0 = sum of a_k (X_k + s_k t_k) is the least squares solution: c
    is orthogonal to 1, z and s, a to 1 and z.
    """

    shape: int
    """Number of the path of cells: bit k tells whether layer k + 1 is half a cell up."""
    sides: tuple[int, ...]
    """1 where the track passes at larger x than the wire, else -1."""
    c: tuple[int, ...]
    a: tuple[int, ...]
    n: int
    """Positive."""

    @property
    def halves(self) -> tuple[int, ...]:
        """Half cells from the wire of layer 0 to those of the layers."""
        return halves(self.shape)


@dataclass(frozen=True)
class Chamber:
    """Numbers of a chamber, from the detector's declaration and a few cuts."""

    detector: Detector
    number: int
    wires: int
    """In a layer, a power of two."""
    offset: tuple[int, ...]
    """Half cells from the leftmost wire of the chamber to the first of each layer: 0 or 1."""
    half: float
    """Ticks to drift half a cell."""
    t_max: int
    tolerance: int
    """Ticks by which drift times may lie outside [0, t_max]."""
    off_line: int
    """Thousandths of a tick: how far four hits may lie off a line, as the length of a vector."""
    steepest: int
    """Of a track: |slope| in ticks of drift a layer."""

    @cached_property
    def patterns(self) -> tuple[Pattern, ...]:
        """All that a track within ``steepest`` can leave, in the order in which ties are broken."""
        found = []
        for shape, sides in product(range(PATHS), product((-1, 1), repeat=LAYERS)):
            pattern = _pattern(shape, sides)
            if pattern and self._width(pattern) > MM_MARGIN / self.mm:
                found.append(pattern)
        return tuple(found)

    @property
    def mm(self) -> float:
        """Of drift in a tick."""
        return self.detector.constants["v_drift_um_per_ns"] / 1000 * float(self.detector.tick)

    def wires_in(self, pattern: Pattern, weights: Sequence[int]) -> int:
        """What the wires add to a sum of weighted crossings, from the wire of layer 0 on."""
        return round(self.half * sum(w * h for w, h in zip(weights, pattern.halves, strict=True)))

    def limit(self, pattern: Pattern) -> int:
        """How far the sum of c_k (X_k + s_k t_k) may be from 0."""
        squares = sum(c * c for c in pattern.c)
        return isqrt(self.off_line * self.off_line * squares) // 1000

    def weight(self, pattern: Pattern) -> int:
        """What makes distances from 0 of different patterns comparable."""
        return round(64 / sqrt(sum(c * c for c in pattern.c)))

    def _width(self, pattern: Pattern) -> float:
        """Of the strip, in ticks, in which tracks of some slope leave this pattern."""
        wire, side = self.half * np.array(pattern.halves), np.array(pattern.sides)
        low = np.where(side > 0, wire, wire - self.half)
        shift = np.linspace(-self.steepest, self.steepest, 401)[:, None] * (np.arange(LAYERS) - 1.5)
        strip = (low + self.half - shift).min(axis=1) - (low - shift).max(axis=1)
        return float(strip.max())


def chamber_of(
    detector: Detector,
    number: int,
    *,
    tolerance_ns: float = 5.0,
    off_line_ns: float = 4.0,
    max_slope: float = 0.8,
) -> Chamber:
    """The chamber of that number. Raises UsageError if it isn't four layers of staggered cells."""
    tick, constants, tables = float(detector.tick), detector.constants, detector.tables
    try:
        mm = constants["v_drift_um_per_ns"] / 1000 * tick
        first = np.array(tables["layer_x_mm"][1 : 1 + LAYERS])
        half_mm, height_mm = constants["cell_width_mm"] / 2, constants["cell_height_mm"]
        t_max = round(constants["t_max_ns"] / tick)
    except KeyError as missing:
        raise UsageError(f"{detector.name} declares no {missing}: no segments in it") from None
    offset = np.rint((first - first.min()) / half_mm).astype(int)
    if len(first) != LAYERS or (np.abs(np.diff(offset)) != 1).any():
        raise UsageError(f"{detector.name}: its layers aren't shifted by half a cell, one by one")
    return Chamber(
        detector=detector,
        number=number,
        wires=16,
        offset=tuple(int(x) for x in offset),
        half=half_mm / mm,
        t_max=t_max,
        tolerance=round(tolerance_ns / tick),
        off_line=round(1000 * off_line_ns / tick),
        steepest=round(max_slope * height_mm / mm),
    )


def halves(shape: int) -> tuple[int, ...]:
    """Half cells from the wire of layer 0 to those of the layers, on a path of cells."""
    steps = [1 if shape >> k & 1 else -1 for k in range(LAYERS - 1)]
    return tuple(int(x) for x in np.cumsum([0, *steps]))


def clock_steps(detector: Detector) -> dict[str, int]:
    """Ticks that one more in each of the clock's fields is worth, the lowest first.

    A sound hit's time is the sum of steps times fields, but for what the lowest field begins with.
    Raises UsageError if time isn't such a sum.
    """

    def time(**values: int) -> int:
        all_one = {each.name: np.array([1]) for each in detector.fields}
        set_to = {name: np.array([value]) for name, value in values.items()}
        words = encode(detector, all_one | set_to)
        return int(decode(detector, words, columns=("t",))["t"][0])

    step = {
        each.name: time(**{each.name: 2}) - time() for each in detector.fields if each.width > 1
    }
    used = {name: value for name, value in sorted(step.items(), key=lambda s: s[1]) if value}
    some = {name: 5 + 3 * k for k, name in enumerate(used)}
    if time(**some) - time() != sum(used[name] * (value - 1) for name, value in some.items()):
        raise UsageError(f"{detector.name}: its time is no sum of fields, so there is no finder")
    return used


def _pattern(shape: int, sides: tuple[int, ...]) -> Pattern | None:
    """The pattern, or None where the four times don't tell t0."""
    even, odd, s = np.array([1, -1, -1, 1]), np.array([1, -3, 3, -1]), np.array(sides)
    on_even, on_odd = int(even @ s), int(odd @ s)
    if not (on_even or on_odd):
        return None
    a = 5 * on_even * even + on_odd * odd
    c = on_odd * even - on_even * odd
    a, c = (v // gcd(*(int(x) for x in v)) for v in (a, c))
    a = a * int(np.sign(a @ s))
    return Pattern(shape, sides, tuple(map(int, c)), tuple(map(int, a)), int(a @ s))

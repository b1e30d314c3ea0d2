"""Which pattern of sides fits best, and the straight line through its hits."""

from collections.abc import Sequence
from dataclasses import dataclass

from amaranth.hdl import Const, Mux, Value

from fpga.segments.chamber import ACROSS, Chamber
from fpga.segments.model import FRACTION_BITS, HALF, RECIPROCAL_BITS, half_cell, reciprocal
from fpga.segments.neighbours import Path
from fpga.segments.pipeline import Pipeline, scaled, table

JUDGE_STEPS, CHOICE_STEPS, LINE_STEPS = 5, 8, 8
FAR = Const(1023)
"""The cost of a pattern that doesn't fit, more than that of any that does."""


@dataclass(frozen=True)
class Choice:
    """The straightest of some patterns."""

    fits: Value
    """Whether there is one within the cuts."""
    several: Value
    """Whether there is more than one."""
    cost: Value
    number: Value


@dataclass(frozen=True)
class Line:
    """A segment, in the units of the model."""

    t0: Value
    """A step before the others."""
    x4: Value
    slope10: Value


def choose(p: Pipeline, chamber: Chamber, paths: Sequence[Path]) -> Choice:
    """The best pattern of all paths, CHOICE_STEPS later; of equals the first."""
    choices = [c for number, path in enumerate(paths) for c in _judged(p, chamber, number, path)]
    choices.sort(key=lambda choice: choice[0])
    best = [choice for _, choice in choices]
    for _ in range(CHOICE_STEPS - JUDGE_STEPS):
        best = [_best(best[k : k + 3]) for k in range(0, len(best), 3)]
        best = [
            Choice(*(p.register(value) for value in (b.fits, b.several, b.cost, b.number)))
            for b in best
        ]
    (one,) = best
    return one


def _judged(
    p: Pipeline, chamber: Chamber, path_number: int, path: Path
) -> list[tuple[int, Choice]]:
    """The patterns of one path, by their number, JUDGE_STEPS later."""
    low, high = _extremes(p, path.times)
    complete, found = p.after(path.complete, JUDGE_STEPS - 1), []
    lowest = p.register(low + chamber.tolerance)
    highest = p.register(high - (chamber.t_max + chamber.tolerance))
    bounds = {
        n: (p.register(scaled(lowest, n)), p.register(scaled(highest, n)))
        for n in {pattern.n for pattern in chamber.patterns}
    }
    for number, pattern in enumerate(chamber.patterns):
        if pattern.shape != path_number:
            continue
        c, a = (
            [w * side for w, side in zip(weights, pattern.sides, strict=True)]
            for weights in (pattern.c, pattern.a)
        )
        off = _weighted(p, path.times, c, chamber.wires_in(pattern, pattern.c))
        n_t0 = p.register(_weighted(p, path.times, a, chamber.wires_in(pattern, pattern.a)))
        size, limit = p.register(Mux(off < 0, -off, off)), chamber.limit(pattern)
        earliest, latest = bounds[pattern.n]
        good = complete & (size <= limit) & (n_t0 <= earliest) & (n_t0 >= latest)
        cost = scaled(size[: limit.bit_length()], chamber.weight(pattern))
        choice = Choice(
            p.register(good),
            Const(0, 1),
            p.register(Mux(good, cost, FAR)),
            Const(number, range(len(chamber.patterns))),
        )
        found.append((number, choice))
    return found


def _none(like: Choice) -> Choice:
    return Choice(Const(0, 1), Const(0, 1), FAR, like.number)


def _best(some: Sequence[Choice]) -> Choice:
    """The straightest of up to three, of equals the first; all are compared at once."""
    if len(some) == 1:
        return some[0]
    one, two, three = *some, *[_none(some[0])][: 3 - len(some)]
    second, beats_one, beats_two = (
        two.cost < one.cost,
        three.cost < one.cost,
        three.cost < two.cost,
    )
    third = Mux(second, beats_two, beats_one)
    several = (one.fits & two.fits) | (two.fits & three.fits) | (three.fits & one.fits)
    return Choice(
        one.fits | two.fits | three.fits,
        one.several | two.several | three.several | several,
        Mux(third, three.cost, Mux(second, two.cost, one.cost)),
        Mux(third, three.number, Mux(second, two.number, one.number)),
    )


def _weighted(p: Pipeline, values: Sequence[Value], weights: Sequence[int], more: int) -> Value:
    """A weighted sum and a constant, three steps later."""
    parts = [
        (p.register(scaled(value, abs(weight))), weight < 0)
        for value, weight in zip(values, weights, strict=True)
    ]
    signed = [-part if minus else part for part, minus in parts]
    return p.register(p.register(signed[0] + signed[1]) + p.register(signed[2] + signed[3]) + more)


def _extremes(p: Pipeline, times: Sequence[Value]) -> tuple[Value, Value]:
    """The earliest and the latest of four times, two steps later."""

    def least(one: Value, other: Value) -> Value:
        return p.register(Mux(one < other, one, other))

    def most(one: Value, other: Value) -> Value:
        return p.register(Mux(one > other, one, other))

    pairs = ((times[0], times[1]), (times[2], times[3]))
    return least(*(least(*pair) for pair in pairs)), most(*(most(*pair) for pair in pairs))


def line(
    p: Pipeline, chamber: Chamber, number: Value, times: Sequence[Value], wires: Sequence[Value]
) -> Line:
    """The line through the hits of a pattern, LINE_STEPS later."""
    patterns = chamber.patterns
    negative = [
        table([s < 0 for s in sides], number)
        for sides in zip(*(q.sides for q in patterns), strict=True)
    ]
    drift = [
        p.register(Mux(minus, -time, time)) for minus, time in zip(negative, times, strict=True)
    ]
    at = [p.after(number, k) for k in range(6)]

    def of_pattern(values: Sequence[int], step: int) -> Value:
        """The number of the pattern in a list, at a step after this one."""
        return p.register(table(values, at[step - 1]))

    a = [of_pattern(weights, 1) for weights in zip(*(q.a for q in patterns), strict=True)]
    product = [p.register(value * weight) for value, weight in zip(drift, a, strict=True)]
    of_wires = of_pattern([chamber.wires_in(q, q.a) for q in patterns], 2)
    n_t0 = p.register(
        p.register(product[0] + product[1]) + p.register(product[2] + product[3] + of_wires)
    )
    one_over_n = of_pattern([reciprocal(q.n) for q in patterns], 4)
    t0 = p.register(
        (p.register(n_t0 * one_over_n) + HALF).shift_right(RECIPROCAL_BITS)[:12].as_signed()
    )

    halves = p.register(
        sum((2 * w + offset for w, offset in zip(wires, chamber.offset, strict=True)), Const(0))
    )
    of_cells = p.register(halves * half_cell(chamber)).shift_right(FRACTION_BITS)
    plain = p.register(p.register(drift[0] + drift[1]) + p.register(drift[2] + drift[3]))
    outer, inner = p.register(drift[3] - drift[0]), p.register(drift[2] - drift[1])
    in_slope = p.register(scaled(outer, 3) + inner)
    of_sides = of_pattern([sum(q.sides) for q in patterns], 6)
    across = [sum(w * s for w, s in zip(ACROSS, q.sides, strict=True)) for q in patterns]
    of_path = of_pattern([chamber.wires_in(q, ACROSS) for q in patterns], 3)
    x, slope = p.register(p.register(of_cells) + plain), p.register(in_slope + of_path)
    x4 = p.register(p.after(x, 3) - p.register(t0 * of_sides))
    slope10 = p.register(p.after(slope, 3) - p.register(t0 * of_pattern(across, 6)))
    return Line(p.register(t0), x4, slope10)

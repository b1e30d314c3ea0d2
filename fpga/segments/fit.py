"""Which pattern of sides fits best, and the straight line through its hits."""

from collections.abc import Sequence
from dataclasses import dataclass

from amaranth.hdl import Const, Mux, Value

from fpga.segments.chamber import ACROSS, Chamber
from fpga.segments.model import FRACTION_BITS, HALF, RECIPROCAL_BITS, half_cell, reciprocal
from fpga.segments.neighbours import Path
from fpga.segments.pipeline import Pipeline, scaled, table

CHOICE_STEPS, LINE_STEPS = 7, 7


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
    x4: Value
    slope10: Value


def choose(p: Pipeline, chamber: Chamber, paths: Sequence[Path]) -> Choice:
    """The best pattern of all paths, CHOICE_STEPS later; of equals the first."""
    choices = [c for number, path in enumerate(paths) for c in _judged(p, chamber, number, path)]
    choices.sort(key=lambda choice: choice[0])
    best = [choice for _, choice in choices]
    for _ in range(CHOICE_STEPS - 4):
        for _ in range(2):
            pairs = [best[k : k + 2] for k in range(0, len(best), 2)]
            best = [_better(*pair) if len(pair) == 2 else pair[0] for pair in pairs]
        best = [
            Choice(*(p.register(value) for value in (b.fits, b.several, b.cost, b.number)))
            for b in best
        ]
    (one,) = best
    return one


def _judged(
    p: Pipeline, chamber: Chamber, path_number: int, path: Path
) -> list[tuple[int, Choice]]:
    """The patterns of one path, by their number, four steps later."""
    low, high = _extremes(p, path.times)
    complete, found = p.after(path.complete, 3), []
    lowest, highest = low + chamber.tolerance, high - (chamber.t_max + chamber.tolerance)
    bounds = {
        n: (p.register(scaled(lowest, n)), p.register(scaled(highest, n)))
        for n in {pattern.n for pattern in chamber.patterns}
    }
    for number, pattern in enumerate(chamber.patterns):
        if pattern.shape != path_number:
            continue
        drift = [scaled(time, side) for time, side in zip(path.times, pattern.sides, strict=True)]
        off = _weighted(p, drift, pattern.c, chamber.wires_in(pattern, pattern.c))
        n_t0 = p.register(_weighted(p, drift, pattern.a, chamber.wires_in(pattern, pattern.a)))
        size, limit = p.register(Mux(off < 0, -off, off)), chamber.limit(pattern)
        earliest, latest = bounds[pattern.n]
        good = complete & (size <= limit) & (n_t0 <= earliest) & (n_t0 >= latest)
        cost = scaled(size[: limit.bit_length()], chamber.weight(pattern))
        far = Const((1 << COST_BITS) - 1, COST_BITS)
        choice = Choice(
            p.register(good),
            Const(0, 1),
            p.register(Mux(good, cost, far)),
            Const(number, range(len(chamber.patterns))),
        )
        found.append((number, choice))
    return found


COST_BITS = 10


def _better(one: Choice, other: Choice) -> Choice:
    sooner = other.cost < one.cost
    return Choice(
        one.fits | other.fits,
        one.several | other.several | (one.fits & other.fits),
        Mux(sooner, other.cost, one.cost),
        Mux(sooner, other.number, one.number),
    )


def _weighted(p: Pipeline, values: Sequence[Value], weights: Sequence[int], more: int) -> Value:
    """A weighted sum and a constant, two steps later."""
    products = [scaled(value, weight) for value, weight in zip(values, weights, strict=True)]
    return p.register(
        p.register(products[0] + products[1] + more) + p.register(products[2] + products[3])
    )


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
    a = [
        p.register(table(list(weights), number))
        for weights in zip(*(q.a for q in patterns), strict=True)
    ]
    product = [p.register(value * weight) for value, weight in zip(drift, a, strict=True)]
    of_wires = table([chamber.wires_in(q, q.a) for q in patterns], at[2])
    n_t0 = p.register(product[0] + product[1] + product[2] + product[3] + of_wires)
    one_over_n = table([reciprocal(q.n) for q in patterns], at[3])
    t0 = p.register(
        (p.register(n_t0 * one_over_n) + HALF).shift_right(RECIPROCAL_BITS)[:12].as_signed()
    )

    halves = p.register(
        sum((2 * w + offset for w, offset in zip(wires, chamber.offset, strict=True)), Const(0))
    )
    of_cells = p.after(p.register(halves * half_cell(chamber)).shift_right(FRACTION_BITS), 3)
    plain = p.after(p.register(drift[0] + drift[1]) + p.register(drift[2] + drift[3]), 3)
    outer, inner = p.register(drift[3] - drift[0]), p.register(drift[2] - drift[1])
    in_slope = p.after(scaled(outer, 3) + inner, 3)
    sides = [sum(q.sides) for q in patterns]
    across = [sum(w * s for w, s in zip(ACROSS, q.sides, strict=True)) for q in patterns]
    x4 = p.register(of_cells + plain - t0 * table(sides, at[5]))
    of_path = table([chamber.wires_in(q, ACROSS) for q in patterns], at[5])
    slope10 = p.register(in_slope + of_path - t0 * table(across, at[5]))
    return Line(p.after(t0, 2), p.register(x4), p.register(slope10))

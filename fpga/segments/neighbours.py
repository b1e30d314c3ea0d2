"""The last hit of each cell, and for a hit the times on all paths of cells through its own."""

from dataclasses import dataclass

from amaranth.hdl import Array, Cat, Const, Value, signed
from amaranth.lib import memory

from fpga.segments.chamber import LAYERS, PATHS, Chamber, halves
from fpga.segments.model import NEAR, TIME_BITS
from fpga.segments.pipeline import Pipeline, table

STEPS = 3
NEAR_BITS = NEAR.bit_length()


@dataclass(frozen=True)
class Path:
    """What a path of cells holds, ``STEPS`` after the hit was there."""

    times: tuple[Value, ...]
    """After the hit's own time, of each layer; 0 for the hit itself."""
    complete: Value
    """Whether each layer has a hit that is near."""


def neighbours(
    p: Pipeline, chamber: Chamber, t: Value, layer: Value, wire: Value, mine: Value
) -> list[Path]:
    """The paths by their number. The hit, if it is ``mine``, is remembered for those that follow.

    ``layer`` and ``wire`` count from 0, ``t`` has TIME_BITS.
    """
    ports = [_read(p, chamber, k, t, layer, wire, mine) for k in range(LAYERS)]
    at_layer = p.after(layer, 2)
    paths = []
    for number in range(PATHS):
        times, near = [], []
        for k in range(LAYERS):
            chosen = [ports[k][_port(number, k, own)] for own in range(LAYERS) if own != k]
            chosen.insert(k, (Const(0, signed(NEAR_BITS)), Const(1, 1)))
            times.append(p.register(Array([time for time, _ in chosen])[at_layer]))
            near.append(Array([found for _, found in chosen])[at_layer])
        paths.append(Path(tuple(times), p.register(Cat(near).all())))
    return paths


def wires_of(chamber: Chamber, number: Value, layer: Value, wire: Value) -> list[Value]:
    """The wires of a path through a hit, of each layer."""
    found = []
    for k in range(LAYERS):
        steps = [
            _leftmost(chamber, k, own) + _port(n, k, own)
            for n in range(PATHS)
            for own in range(LAYERS)
        ]
        found.append((wire + table(steps, Cat(layer, number)))[: (chamber.wires - 1).bit_length()])
    return found


def _read(
    p: Pipeline, chamber: Chamber, k: int, t: Value, layer: Value, wire: Value, mine: Value
) -> list[tuple[Value, Value]]:
    """The times of layer k's cells on paths, and whether they are near, two steps later."""
    shape = memory.MemoryData(shape=TIME_BITS + 1, depth=chamber.wires, init=[])
    p.m.submodules[f"layer_{k}"] = last = memory.Memory(shape)
    write = last.write_port()
    p.m.d.comb += [
        *(write.addr.eq(wire), write.data.eq(Cat(t, 1))),
        write.en.eq(mine & (layer == k)),
    ]
    first = wire + table([_leftmost(chamber, k, own) for own in range(LAYERS)], layer)
    t_before, found = p.register(t), []
    for j in range(1 + max(k, LAYERS - 1 - k)):
        read, at = last.read_port(domain="comb"), first + j
        p.m.d.comb += read.addr.eq(at[: len(read.addr)])
        inside = (at >= 0) & (at < chamber.wires)
        stored = p.register(read.data)
        there = p.register(inside) & stored[TIME_BITS]
        after = (stored[:TIME_BITS] - t_before)[:TIME_BITS]
        far = after[NEAR_BITS - 1 :]
        near = there & (far.all() | ~far.any())
        found.append((p.register(after[:NEAR_BITS].as_signed()), p.register(near)))
    return found


def _port(number: int, k: int, own: int) -> int:
    """Which of the reachable cells of layer k is on a path through a hit of another layer."""
    step = halves(number)[k] - halves(number)[own]
    return (step + abs(k - own)) // 2


def _leftmost(chamber: Chamber, k: int, own: int) -> int:
    """From the wire of a hit to that of the leftmost reachable cell of layer k."""
    return (chamber.offset[own] - chamber.offset[k] - abs(k - own)) // 2

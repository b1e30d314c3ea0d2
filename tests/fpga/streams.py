"""Streams in and out of a component in Amaranth's simulator, with pauses on both sides."""

import random

from amaranth.sim import Simulator


def run(dut, words, *, seed=None, patience=60, source="hits", sink="out", held=()):
    """Return what ``sink`` gives for what ``source`` is given, and the clocks that it took.

    With a seed both sides pause at random: the source and the sink for a share of the clocks that
    the seed chooses. ``held`` are ports and what they are all the while.
    """
    random_state = random.Random(seed)
    idle, stall = (random_state.choice((0.0, 0.3, 0.9)) if seed is not None else 0.0 for _ in "io")
    found, clocks = [], [0]
    into, out_of = getattr(dut, source), getattr(dut, sink)

    async def bench(ctx):
        at = quiet = 0
        offered = False
        for port, value in held:
            ctx.set(port, value)
        while quiet < patience:
            offered = at < len(words) and (offered or random_state.random() >= idle)
            taking = random_state.random() >= stall
            ctx.set(into.valid, offered)
            if offered:
                ctx.set(into.payload, words[at])
            ctx.set(out_of.ready, taking)
            took, came = offered and ctx.get(into.ready), taking and ctx.get(out_of.valid)
            if came:
                found.append(ctx.get(out_of.payload))
            await ctx.tick()
            clocks[0] += 1
            quiet = 0 if took or came or at < len(words) else quiet + 1
            if took:
                at, offered = at + 1, False

    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
    return found, clocks[0] - patience

"""Arithmetic in registers that stop and go together."""

import operator
from collections.abc import Sequence
from functools import reduce
from typing import Any

from amaranth.hdl import Array, Const, Module, Shape, Signal, Value


class Pipeline:
    """Registers that move together, in clocks in which ``go`` is 1."""

    def __init__(self, m: Module, go: Value) -> None:
        self.m, self.go = m, go

    def register(self, value: Any) -> Value:
        """The value one step later."""
        value = Value.cast(value)
        later = Signal(value.shape())
        with self.m.If(self.go):
            self.m.d.sync += later.eq(value)
        return later

    def after(self, value: Any, steps: int) -> Value:
        """The value some steps later."""
        for _ in range(steps):
            value = self.register(value)
        return Value.cast(value)


def scaled(value: Value, factor: int) -> Value:
    """The value times a small constant, by shifts and additions: no multiplier is spent on it."""
    if factor == 0:
        return Const(0, 1)
    if factor < 0:
        return -scaled(value, -factor)
    bits, up = [k for k in range(factor.bit_length()) if factor >> k & 1], factor.bit_length()
    rest = (1 << up) - factor
    if len(bits) > 2 and rest.bit_count() == 1:  # 7 is 8 - 1, 14 is 16 - 2
        return value.shift_left(up) - value.shift_left(rest.bit_length() - 1)
    return reduce(operator.add, (value.shift_left(k) for k in bits))


def table(values: Sequence[int], index: Value) -> Value:
    """The number at a place of a list."""
    shape = Shape.cast(range(min(0, *values), max(values) + 1))
    return Array([Const(value, shape) for value in values])[index]

"""Arithmetic in registers that never stop."""

import operator
from collections.abc import Sequence
from functools import reduce
from typing import Any

from amaranth.hdl import Array, Const, Module, Shape, Signal, Value


class Pipeline:
    """Registers that move in each clock. None waits, and those of numbers are not reset: signals
    that told thousands of them so would be the slowest of the chip."""

    def __init__(self, m: Module) -> None:
        self.m = m

    def register(self, value: Any, *, resets: bool = False) -> Value:
        """The value one step later; 0 after a reset if it ``resets``."""
        value = Value.cast(value)
        later = Signal(value.shape(), reset_less=not resets, src_loc_at=1)
        self.m.d.sync += later.eq(value)
        return later

    def after(self, value: Any, steps: int, *, resets: bool = False) -> Value:
        """The value some steps later."""
        for _ in range(steps):
            value = self.register(value, resets=resets)
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

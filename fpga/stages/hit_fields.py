"""The struct of a hit, and what of it others need, from the detector's declaration."""

import numpy as np
from amaranth.hdl import Cat, Value
from amaranth.lib import data

from db.detector import Detector, decode, encode
from db.errors import UsageError
from db.selection import Node
from fpga.selection.to_hardware import to_hardware


def layout(detector: Detector) -> data.Layout:
    """The fields of a hit at their bits, over its words side by side."""
    places = {
        each.name: data.Field(each.width, 64 * each.word + each.low) for each in detector.fields
    }
    return data.FlexibleLayout(64 * detector.words_per_hit, places)


def of_hit(detector: Detector, name: str, hit: Value) -> Value:
    """What a name of the declaration stands for, of the words in ``hit``."""
    return over_hit(detector.over_words(detector.nodes[name]), detector, hit)


def over_hit(node: Node, detector: Detector, hit: Value) -> Value:
    """The value of a tree over the words w0, w1, ... that lie in ``hit``."""
    return to_hardware(
        node, {f"w{k}": hit.word_select(k, 64) for k in range(detector.words_per_hit)}
    )


def sound(detector: Detector, hit: Value) -> Value:
    """Whether the words are a hit, and not a corrupt one."""
    return of_hit(detector, "hit", hit).bool() & ~of_hit(detector, "corrupt", hit).bool()


def time_order(detector: Detector, hit: Value) -> Value:
    """Bits that grow with a hit's own time: the clock's digits side by side, without arithmetic."""
    step = {}
    for field in detector.fields:
        values = {
            each.name: np.array([0, 2**field.width - 1 if each is field else 0])
            for each in detector.fields
        }
        zero, most = decode(detector, encode(detector, values), columns=("t",))["t"].tolist()
        if most > zero:
            step[field.name] = (most - zero) / (2**field.width - 1)
    if not step:
        raise UsageError(f"{detector.name}: its time is no field of the hit, so there is no order")
    view = data.View(layout(detector), hit)
    return Cat(view[name] for name in sorted(step, key=step.__getitem__))

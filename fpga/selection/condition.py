"""What of a selection hardware can decide, as a tree over the words of a hit."""

from collections.abc import Iterator

from db.detector import Detector
from db.detector.expression import refusal
from db.selection import Node, names
from db.selection.tree import Column, Find, Literal, Logic, Lookup, Not

MOST_ENTRIES = 1024
"""The longest table that is made of logic cells."""


def condition(detector: Detector, text: str) -> Node:
    """The tree of a selection over the words w0, w1, ... of a hit. Raises as ``condition_of``."""
    return detector.over_words(condition_of(detector, text))


def condition_of(detector: Detector, text: str) -> Node:
    """The tree of a selection, over fields and columns.

    Raises SelectionError, with the place marked, for what hardware doesn't do: floats, ``t`` (no
    word tells when its run began), tables of more than MOST_ENTRIES.
    """
    node = detector.selection(text)
    for part in sorted(_parts(node), key=_suspicion):
        if problem := _problem(detector, part):
            raise refusal(problem, text, detector.constants, part)
    return node


def prefilter(detector: Detector, text: str) -> Node:
    """The same for what a readout keeps by a selection: other words than sound hits it always
    keeps, since a selection over a hit's fields says nothing about them.
    """
    return sound_or(detector, condition(detector, text))


def sound_or(detector: Detector, keep: Node) -> Node:
    """What keeps sound hits by a condition over their words, and all else."""
    hit, corrupt = (detector.over_words(detector.nodes[name]) for name in ("hit", "corrupt"))
    parts = (keep, corrupt, Not(kind="bool", part=hit, hi=1))
    return Logic(kind="bool", op="or", parts=parts, hi=1)


def _parts(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children():
        yield from _parts(child)


def _suspicion(part: Node) -> tuple[int, int]:
    """Columns first, then numbers with a fraction, then what became a float beside them."""
    if isinstance(part, Literal):
        return 1 + (part.value == int(part.value)), part.start
    return 0 if isinstance(part, Column) else 3, part.start


def _problem(detector: Detector, part: Node) -> str | None:
    if not isinstance(part, Column):
        return _limit(part)
    declared = detector.over_words(part)
    if "epoch" in names(declared):
        return f"no word tells when its run began, so hardware can't know {part.name}"
    problem = next((found for each in _parts(declared) if (found := _limit(each))), None)
    return problem and f"{part.name}: {problem}"


def _limit(part: Node) -> str | None:
    if part.kind == "float":
        return "hardware has integers only, no floats"
    if isinstance(part, Lookup) and (n := part.index.hi - part.index.lo + 1) > MOST_ENTRIES:
        return f"a table of {n} entries, hardware takes up to {MOST_ENTRIES}"
    if isinstance(part, Find) and (n := len(part.table)) > MOST_ENTRIES:
        return f"a table of {n} entries, hardware takes up to {MOST_ENTRIES}"
    return None

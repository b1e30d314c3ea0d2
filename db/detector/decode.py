"""The columns of words, in NumPy."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from db.detector.detector import Detector, Field
from db.detector.keys import suggest
from db.detector.words import Words
from db.errors import UsageError
from db.selection import compiled, dtype, names

Array = NDArray[Any]
Stretch = tuple[int, int, int]
"""Bits of a hit that lie together: number of the word, lowest bit, width."""
Block = dict[Any, Array]
Step = Callable[[Words, Block], Array]

BLOCK = 1 << 16
"""Hits worked on at once, so that what lies between words and columns stays in the CPU's cache."""
TABLE_BITS = 16
"""What depends on a stretch of so many bits of a word, at most, is looked up and not calculated."""


def decode(
    detector: Detector,
    words: Words,
    epoch: ArrayLike = 0,
    columns: Iterable[str] | None = None,
) -> dict[str, Array]:
    """Arrays of one value per hit: fields, columns and ``t``, or what ``columns`` names of them.

    ``words`` has ``words_per_hit`` words for each hit, one after the other. ``epoch`` is added to
    the word's own time: one value, or one for each hit. The types are the smallest unsigned ones
    that hold what a column can be, signed ones if it can be negative; int64 for more than 32 bits
    and for ``t``, bool and float64 where the column is such. ``columns`` may also name the bools
    ``hit``, ``timed``, ``corrupt``, and ``channel``, and ``link`` if it is declared.

    Raises UsageError for a name that isn't there, or for words that are no whole number of hits.
    """
    wanted = (*detector.column_names, "t") if columns is None else tuple(columns)
    if len(words) % detector.words_per_hit:
        raise UsageError(
            f"{len(words)} words are no whole number of hits: {detector.name} has "
            f"{detector.words_per_hit} words per hit"
        )
    hits = words.reshape(-1, detector.words_per_hit)
    epochs = np.broadcast_to(np.asarray(epoch, np.int64), len(hits))
    steps = _plan(detector, wanted)
    decoded = {name: np.empty(len(hits), dtype(detector.nodes[name])) for name in wanted}
    with np.errstate(all="ignore"):
        for start in range(0, len(hits), BLOCK):
            here = slice(start, start + BLOCK)
            block: Block = {"epoch": epochs[here]}
            for name, step in steps.items():
                block[name] = step(hits[here], block)
            for name, values in decoded.items():
                values[here] = block[name]
    return decoded


@lru_cache(maxsize=256)
def _plan(detector: Detector, wanted: tuple[str, ...]) -> Mapping[str | Stretch, Step]:
    """The steps to the wanted names, each after those that it needs."""
    fields = {field.name: field for field in detector.fields}
    steps: dict[str | Stretch, Step] = {}
    for name in wanted:
        if name not in detector.nodes:
            hint = suggest(name, detector.nodes)
            raise UsageError(f"{detector.name} has no column {name}; {hint}")
        needed = names(detector.nodes[name])
        stretch = _stretch([fields[each] for each in needed if each in fields])
        if name in fields:
            steps[name] = _extract(fields[name])
        elif stretch is not None and "epoch" not in needed:
            steps[stretch] = _index(stretch)
            steps[name] = _look_up(detector, name, stretch)
        else:
            for each in needed & fields.keys():
                steps[each] = _extract(fields[each])
            steps[name] = _calculate(detector, name)
    return steps


def _extract(field: Field) -> Step:
    """A field's values, in a small type as early as can be."""
    most = 2**field.width - 1
    kind = np.min_scalar_type(most)
    low, mask = np.uint64(field.low), kind.type(most)
    whole = field.width == 8 * kind.itemsize

    def step(hits: Words, _: Block) -> Array:
        word = hits[:, field.word]
        values = (word >> low if field.low else word).astype(kind, copy=False)
        return values if whole else values & mask

    return step


def _index(stretch: Stretch) -> Step:
    """The values of a stretch of bits, fit to look up with."""
    word, low, mask = stretch[0], np.uint64(stretch[1]), np.uint64(2 ** stretch[2] - 1)
    return lambda hits, _: ((hits[:, word] >> low) & mask).view(np.int64)


def _look_up(detector: Detector, name: str, stretch: Stretch) -> Step:
    """What a column is, by the bits that it depends on: calculated once for all they can be."""
    word, low, width = stretch
    hits = np.zeros((2**width, detector.words_per_hit), np.uint64)
    hits[:, word] = np.arange(2**width, dtype=np.uint64) << np.uint64(low)
    block: Block = {field.name: _extract(field)(hits, {}) for field in detector.fields}
    table = np.empty(2**width, dtype(detector.nodes[name]))
    table[:] = compiled(detector.nodes[name])(block)
    return lambda _, block: table.take(block[stretch], mode="clip")


def _calculate(detector: Detector, name: str) -> Step:
    step = compiled(detector.nodes[name])
    return lambda _, block: step(block)


def _stretch(fields: Sequence[Field]) -> Stretch | None:
    """The shortest stretch of bits that holds the fields, if it is short enough to be a table."""
    if len({field.word for field in fields}) != 1:
        return None
    low = min(field.low for field in fields)
    width = max(field.low + field.width for field in fields) - low
    return (fields[0].word, low, width) if width <= TABLE_BITS else None

"""The event builder: candidates become events, with the raw words that belong to them."""

from collections.abc import Sequence

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from db.errors import TriggerError
from software_triggers.trigger import Trigger

Ticks = NDArray[np.int64]


def event_builder(
    candidates: Sequence[str],
    before: str = "500 ns",
    after: str = "1 us",
    max_length: str = "20 us",
    name: str = "events",
) -> Trigger:
    """Return the trigger that builds events around the rows of the ``candidates`` triggers.

    A candidate at t stands for [t - before, t + after); what overlaps becomes one event. A chain
    of overlapping ones longer than ``max_length`` is cut at whole multiples of ``max_length`` of
    the run's time: a rule that needs to see no further than twice that length, so that the same
    events come out wherever the windows lie. Parts behind a cut are marked ``continued``: no event
    of its own could have begun there, so their length counts as dead time.

    Rows: ``t``, ``t_end`` (half-open), ``continued``, ``triggers`` (names that contributed),
    ``n_words``, and for each word ``word_t``, ``word_link``, ``raw`` (``words_per_hit`` a hit).

    Settings under which a candidate has no length, or is longer than an event may be, are refused
    when the trigger is bound: TriggerError.
    """

    if len(candidates) > 64:
        raise TriggerError(f"events of {len(candidates)} triggers: 64 at most; split them in two")

    def events(before: int, after: int, max_length: int, **frames: pl.DataFrame) -> pl.DataFrame:
        if not 0 < before + after <= max_length:
            raise TriggerError(
                f"trigger {name}: before + after is {before + after} ticks, max_length"
                f" {max_length}: events need a length, and room for one candidate"
            )
        words = frames.pop("words")
        starts = {n: np.sort(f["t"].to_numpy()) - before for n, f in frames.items()}
        every = np.sort(np.concatenate([*starts.values(), np.zeros(0, np.int64)]))
        begin, end, continued = _pieces(*_chains(every, before + after), max_length)
        named = _contributors(starts, before + after, begin, end)
        return _with_words(words, begin, end, continued, named)

    return Trigger(
        name=name,
        kind="python",
        reach="max_length + max_length + before + after",
        reads=("words", *candidates),
        params={"before": before, "after": after, "max_length": max_length},
        source=f"event_builder({', '.join(candidates)})",
        doc=f"events around {', '.join(candidates)}, with their raw words",
        uses=("t", "link", "raw"),
        nulls=False,
        signed=False,
        compute=events,
    )


def _chains(starts: Ticks, length: int) -> tuple[Ticks, Ticks]:
    """Return the ranges that sorted, overlapping ranges [start, start + length) merge to."""
    if not len(starts):
        return starts, starts
    new = np.flatnonzero(np.diff(starts) >= length) + 1
    first = np.concatenate([[0], new])
    last = np.concatenate([new - 1, [len(starts) - 1]])
    return starts[first], starts[last] + length


def _pieces(begin: Ticks, end: Ticks, most: int) -> tuple[Ticks, Ticks, NDArray[np.bool_]]:
    """Cut ranges longer than ``most`` at its multiples; the third array marks what follows."""
    long = end - begin > most
    n = np.where(long, (end - 1) // most - begin // most + 1, 1)
    chain = np.repeat(np.arange(len(begin)), n)
    nth = np.arange(len(chain)) - np.repeat(np.cumsum(n) - n, n)
    grid = (begin[chain] // most + nth) * most
    start = np.where(nth == 0, begin[chain], grid)
    stop = np.where(long[chain], np.minimum(end[chain], grid + most), end[chain])
    return start, stop, nth > 0


def _contributors(starts: dict[str, Ticks], length: int, begin: Ticks, end: Ticks) -> pl.Series:
    """Return for each event the names of the triggers, 64 at most, with a range in it."""
    names = sorted(starts)
    marks = np.zeros(len(begin), np.uint64)
    for bit, name in enumerate(names):
        first = starts[name]
        found = np.searchsorted(first, end, "left") > np.searchsorted(
            first, begin - length, "right"
        )
        marks |= found.astype(np.uint64) << np.uint64(bit)
    kinds, of_event = np.unique(marks, return_inverse=True)
    lists = [[name for bit, name in enumerate(names) if int(kind) >> bit & 1] for kind in kinds]
    return pl.Series(lists, dtype=pl.List(pl.String)).gather(of_event)


def _with_words(
    words: pl.DataFrame,
    begin: Ticks,
    end: Ticks,
    continued: NDArray[np.bool_],
    named: pl.Series,
) -> pl.DataFrame:
    raw = [name for name in words.columns if name not in ("t", "link")]
    order = _in_order(words)
    t = words["t"].to_numpy()[order]
    low, high = np.searchsorted(t, begin), np.searchsorted(t, end)
    n = high - low
    offsets = np.concatenate([[0], np.cumsum(n)])
    picked = np.arange(offsets[-1]) + np.repeat(low - offsets[:-1], n)
    taken = words[order[picked]]
    flat = np.stack([taken[name].to_numpy() for name in raw], axis=1).reshape(-1)
    return pl.DataFrame(
        {
            "t": begin,
            "t_end": end,
            "continued": continued,
            "triggers": named,
            "n_words": n.astype(np.uint32),
            "word_t": _lists(offsets, taken["t"].to_numpy()),
            "word_link": _lists(offsets, taken["link"].to_numpy()),
            "raw": _lists(offsets * len(raw), flat),
        }
    )


def _in_order(words: pl.DataFrame) -> NDArray[np.int64]:
    """Return the rows by t, then by link and words: the same order however they arrived."""
    t = words["t"].to_numpy()
    order = np.argsort(t, kind="stable")  # quick, as streams are nearly in order
    same = np.diff(t[order]) == 0
    tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
    rows = words[order[tied]].with_columns(row=order[tied])
    order[tied] = rows.sort(words.columns)["row"].to_numpy()
    return order


def _lists(offsets: NDArray[np.int64], values: NDArray[np.generic]) -> pl.Series:
    array = pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(values))
    return pl.Series(pl.from_arrow(array))

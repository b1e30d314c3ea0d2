"""What stands behind a name that a trigger reads: a relation for SQL, a frame for Python."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from db.catalogue.runs import Run
from db.detector.loop import reader
from db.engine import Engine
from db.errors import TriggerError
from db.relations.read import read
from db.relations.relation import Relation
from db.results.rows import Lineage, read_committed
from db.words.chunks import ChunkWords, read_words
from software_triggers.window import Window

if TYPE_CHECKING:
    from software_triggers.trigger import Trigger


@dataclass(frozen=True)
class AtHand:
    """What a task has at hand of what its stages read, over at least the times that they read."""

    words: ChunkWords | None = None
    """None: they are fetched."""
    rows: dict[str, pl.DataFrame] = field(default_factory=dict)
    """Rows of triggers, by name; those of others are read as they are committed."""
    attempts: dict[str, int] = field(default_factory=dict)
    """Attempts as which these rows are stored, where nobody sees them yet: for SQL."""
    shuffled: bool = False
    """Rows come in an order of chance: to see whether a trigger depends on theirs."""


NOTHING = AtHand()


def relations_of(
    run: Run,
    trigger: "Trigger",
    lineages: Mapping[str, Lineage],
    window: Window,
    columns: Collection[str] | None = None,
    at_hand: AtHand = NOTHING,
) -> dict[str, Relation]:
    """Return the relation behind each name that a trigger reads, with times in the window.

    ``columns`` are names of those that it may look at; None for all.
    """
    return {
        name: Relation(
            name,
            run,
            window.a,
            window.b,
            lineages.get(name),
            columns,
            attempt=at_hand.attempts.get(name),
            shuffled=at_hand.shuffled,
        )
        for name in trigger.reads
    }


def frames(
    engine: Engine,
    run: Run,
    trigger: "Trigger",
    lineages: Mapping[str, Lineage],
    window: Window,
    at_hand: AtHand = NOTHING,
) -> dict[str, pl.DataFrame]:
    """Return the frame for each name that a trigger reads, with times in the window."""
    has = _columns_read(run, trigger, lineages)
    out = {}
    for name in trigger.reads:
        uses = [column for column in trigger.uses if column in has[name]]
        if name in at_hand.rows:
            inside = pl.col("t").is_between(window.a, window.b, closed="left")
            out[name] = at_hand.rows[name].filter(inside).select(uses or pl.all())
        elif name in lineages:
            out[name] = read_committed(
                engine, lineages[name], run.cell, window.a, window.b, uses, ordered=False
            )
        elif name == "rates":
            rates = read(engine, Relation(name, run, window.a, window.b), ordered=False)
            out[name] = pl.DataFrame(pl.from_arrow(rates))
        else:
            hits_only = name == "hits"
            out[name] = read_frame(
                engine, run, window, uses, hits_only=hits_only, stored=at_hand.words
            )
    if at_hand.shuffled:
        out = {name: each.sample(fraction=1.0, shuffle=True) for name, each in out.items()}
    return {name: _signed(frame) for name, frame in out.items()} if trigger.signed else out


_WIDER: dict[Any, type[pl.DataType]] = {
    pl.UInt8: pl.Int16,
    pl.UInt16: pl.Int32,
    pl.UInt32: pl.Int64,
}


def _signed(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame whose unsigned columns of up to 32 bits are signed, of twice the width."""
    kinds: dict[Any, Any] = {}
    for name, kind in frame.schema.items():
        if kind in _WIDER:
            kinds[name] = _WIDER[kind]
        elif isinstance(kind, pl.List) and kind.inner in _WIDER:
            kinds[name] = pl.List(_WIDER[kind.inner])
    return frame.cast(kinds) if kinds else frame


def check_columns(run: Run, trigger: "Trigger", lineages: Mapping[str, Lineage]) -> None:
    """Raise TriggerError when a trigger ``uses`` columns that nothing has that it reads."""
    has = {
        column for columns in _columns_read(run, trigger, lineages).values() for column in columns
    }
    if missing := [column for column in trigger.uses if column not in has]:
        raise TriggerError(
            f"trigger {trigger.name} does not fit the detector {run.detector.name}: it uses"
            f" {', '.join(missing)}; {columns_there(run, trigger, lineages)}"
        )


def columns_there(run: Run, trigger: "Trigger", lineages: Mapping[str, Lineage]) -> str:
    """Return which columns a trigger may use, in a few words."""
    has = _columns_read(run, trigger, lineages)
    return "; ".join(f"{name} have {', '.join(columns)}" for name, columns in has.items())


def _columns_read(
    run: Run, trigger: "Trigger", lineages: Mapping[str, Lineage]
) -> dict[str, list[str]]:
    return {name: _columns(run, name, lineages) for name in trigger.reads}


def _columns(run: Run, name: str, lineages: Mapping[str, Lineage]) -> list[str]:
    if name in lineages:
        return list(lineages[name].columns)
    if name == "rates":
        return ["t", "link", "channel", "hit", "n_hits"]
    raw = [f"w{k}" for k in range(run.detector.words_per_hit)]
    return ["t", "link", "raw", *raw, *run.detector.column_names, *["hit"] * (name == "words")]


def read_frame(
    engine: Engine,
    run: Run,
    window: Window,
    columns: Sequence[str] = (),
    *,
    hits_only: bool = True,
    stored: ChunkWords | None = None,
) -> pl.DataFrame:
    """Return sound hits, or all sound words with a time, with t in the window, in order of storage.

    ``columns`` are names of the declaration's columns, ``t``, ``link`` and ``raw``, which stands
    for the raw words ``w0``, ``w1``, …; none means all but the raw words. Corrupt words are no
    hits. ``stored`` are words that were read already.
    """
    detector = run.detector
    raw = [f"w{k}" for k in range(detector.words_per_hit)]
    wanted = list(columns) or ["t", "link", *detector.column_names, *([] if hits_only else ["hit"])]
    wanted = [name for c in wanted for name in (raw if c == "raw" else [c])]
    take = reader(detector, tuple(wanted), hits_only=hits_only)
    stored = stored or read_words(engine, run.run_id, window.a, window.b, detector.slice)
    lengths = stored.lengths // detector.words_per_hit
    return pl.DataFrame(
        take(stored.words, lengths, stored.epochs, stored.links, window.a, window.b)
    )

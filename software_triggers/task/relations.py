"""What stands behind a name that a trigger reads: a relation for SQL, a frame for Python."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import polars as pl

from db.catalogue.runs import Run
from db.detector.loop import reader
from db.engine import Engine
from db.errors import TriggerError
from db.relations.relation import Relation, read
from db.results.rows import Lineage, read_committed
from db.words.chunks import read_words
from software_triggers.window import Window

if TYPE_CHECKING:
    from software_triggers.trigger import Trigger


def relations_of(
    run: Run,
    trigger: "Trigger",
    lineages: Mapping[str, Lineage],
    window: Window,
    columns: Collection[str] | None = None,
) -> dict[str, Relation]:
    """Return the relation behind each name that a trigger reads, with times in the window.

    ``columns`` are names of those that it may look at; None for all.
    """
    return {
        name: Relation(name, run, window.a, window.b, lineages.get(name), columns)
        for name in trigger.reads
    }


def frames(
    engine: Engine, run: Run, trigger: "Trigger", lineages: Mapping[str, Lineage], window: Window
) -> dict[str, pl.DataFrame]:
    """Return the frame for each name that a trigger reads, with times in the window.

    Raises TriggerError when it ``uses`` a column that nothing has that it reads.
    """
    has = {name: _columns(run, name, lineages) for name in trigger.reads}
    for column in trigger.uses:
        if not any(column in columns for columns in has.values()):
            raise TriggerError(
                f"trigger {trigger.name} uses column {column!r}; there are "
                + "; ".join(f"{', '.join(columns)} of {name}" for name, columns in has.items())
            )
    out = {}
    for name in trigger.reads:
        uses = [column for column in trigger.uses if column in has[name]]
        if name in lineages:
            out[name] = read_committed(
                engine, lineages[name], run.cell, window.a, window.b, uses, ordered=False
            )
        elif name == "rates":
            rates = read(engine, Relation(name, run, window.a, window.b), ordered=False)
            out[name] = pl.DataFrame(pl.from_arrow(rates))
        else:
            out[name] = read_frame(engine, run, window, uses, hits_only=name == "hits")
    return out


def _columns(run: Run, name: str, lineages: Mapping[str, Lineage]) -> list[str]:
    if name in lineages:
        return list(lineages[name].columns)
    if name == "rates":
        return ["t", "link", "channel", "hit", "n_hits"]
    raw = [f"w{k}" for k in range(run.detector.words_per_hit)]
    return ["t", "link", "raw", *raw, *run.detector.column_names, *["hit"] * (name == "words")]


def read_frame(
    engine: Engine, run: Run, window: Window, columns: Sequence[str] = (), *, hits_only: bool = True
) -> pl.DataFrame:
    """Return sound hits, or all sound words with a time, with t in the window, in order of storage.

    ``columns`` are names of the declaration's columns, ``t``, ``link`` and ``raw``, which stands
    for the raw words ``w0``, ``w1``, …; none means all but the raw words. Corrupt words are no
    hits.
    """
    detector = run.detector
    raw = [f"w{k}" for k in range(detector.words_per_hit)]
    wanted = list(columns) or ["t", "link", *detector.column_names, *([] if hits_only else ["hit"])]
    wanted = [name for c in wanted for name in (raw if c == "raw" else [c])]
    take = reader(detector, tuple(wanted), hits_only=hits_only)
    stored = read_words(engine, run.run_id, window.a, window.b, detector.slice)
    lengths = stored.lengths // detector.words_per_hit
    return pl.DataFrame(
        take(stored.words, lengths, stored.epochs, stored.links, window.a, window.b)
    )

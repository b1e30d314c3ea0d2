"""A run's committed results, brought into a database: what differs from the ledger is done again.

The documents say themselves of which attempt they are, and how many they should be the ledger
knows: nothing else is remembered, and whoever was killed is followed by whoever looks next.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import polars as pl

from db.catalogue.runs import Run
from db.engine import Engine
from db.errors import UsageError
from db.publication.documents import documents_of
from db.publication.target import CANDIDATES, EVENTS, Target, put, remove_others, windows_in
from db.publication.windows import answering, blocks_of, rows_of
from db.results.lineage_runs import list_ran
from db.results.rows import Lineage, list_lineages

_ROWS_AT_ONCE = 1000
_ROUNDS = 5


@dataclass(frozen=True)
class Published:
    """What was brought to the ledger."""

    windows: int = 0
    """Whose documents were written."""
    documents: int = 0
    removed: int = 0
    """Documents that no longer count."""
    left: int = 0
    """Windows that changed while they were read: they are for the next time."""

    def __add__(self, other: "Published") -> "Published":
        return Published(
            self.windows + other.windows,
            self.documents + other.documents,
            self.removed + other.removed,
            self.left + other.left,
        )


def named_results(lineages: Sequence[Lineage], names: Collection[str], *, events: bool) -> set[str]:
    """Return the triggers whose results are meant: by name, and if asked all events.

    With events go the candidates that they were made of.
    """
    builders = [each for each in lineages if events and is_events(each)]
    made_of = {name for each in builders for name in each.inputs}
    return {each.name for each in builders} | made_of | set(names)


def is_events(lineage: Lineage) -> bool:
    """Return whether rows of a lineage are events: those of an event builder."""
    return lineage.source.startswith("event_builder(")


def publish(
    engine: Engine,
    run: Run,
    target: Target,
    names: Collection[str] = (),
    *,
    events: bool,
    cells: Collection[int] | None = None,
) -> Published:
    """Bring documents to what is committed of a run, all or some windows; return what was done.

    In each window it is what the lineage found that answers there: documents of others go, and
    so do those of windows that have no rows any more. Raises StoreError; what was done by then is
    right, and doing it again goes on from there.
    """
    lineages = list_lineages(engine, run.run_id)
    ran = list_ran(engine, run.run_id)
    done = Published()
    for name in sorted(named_results(lineages, names, events=events)):
        of = [each for each in lineages if each.name == name]
        kind = EVENTS if any(map(is_events, of)) else CANDIDATES
        wanted = answering(engine, run, of, ran, cells)
        found = windows_in(target, kind, run.run_id, name, cells)
        lacking = wanted.join(found, on=wanted.columns, how="anti")
        unsettled: set[int] = set()
        for block in blocks_of(lacking, _ROWS_AT_ONCE):
            lineage = next(each for each in of if each.lineage == block["lineage"][0])
            done += _write(engine, run, target, kind, lineage, block, unsettled)
        # A window's new documents are there before its old ones go.
        stay = wanted.select("window", "attempt")
        others = found.join(stay, on=["window", "attempt"], how="anti").select("window").unique()
        gone = others.filter(~pl.col("window").is_in(list(unsettled)))
        standing = gone.join(stay, on="window", how="left")
        removed = remove_others(target, kind, run.run_id, name, standing)
        done += Published(removed=removed, left=len(unsettled))
    return done


def publish_all(
    engine: Engine, run: Run, target: Target, names: Collection[str] = (), *, events: bool
) -> Published:
    """Bring documents to the ledger until nothing differs, or five times; as ``publish``.

    Raises UsageError where the run has no such results.
    """
    lineages = list_lineages(engine, run.run_id)
    there = {each.name for each in lineages}
    wanted = named_results(lineages, names, events=events)
    lacking = sorted(wanted - there) or ([] if wanted else [EVENTS])
    if lacking:
        has = ", ".join(sorted(there)) or "none"
        raise UsageError(f"run {run.run_id} has no {', '.join(lacking)}; it has results of: {has}")
    done = Published()
    for _ in range(_ROUNDS):
        step = publish(engine, run, target, names, events=events)
        done = replace(done + step, left=step.left)
        if not (step.windows or step.removed or step.left):
            break
    return done


def _write(
    engine: Engine,
    run: Run,
    target: Target,
    kind: str,
    lineage: Lineage,
    block: pl.DataFrame,
    unsettled: set[int],
) -> Published:
    """Write the documents of windows whose rows are all there, and note the others."""
    rows = rows_of(engine, lineage, block)
    read = rows.group_by(window="_window").agg(read=pl.len().cast(pl.Int64))
    whole = block.join(read, on="window", how="left").filter(pl.col("read") == pl.col("n"))
    unsettled |= {*block["window"]} - {*whole["window"]}
    rows = rows.filter(pl.col("_window").is_in(whole["window"].to_list()))
    documents = documents_of(target.store, run, lineage, rows)
    return Published(windows=len(whole), documents=put(target, kind, documents))

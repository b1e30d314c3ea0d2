"""Rows of segments and tracks of a run, piece by piece."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import polars as pl
from rich.console import Console
from rich.progress import track

from db.catalogue.runs import Run
from db.engine import Engine
from db.relations.read import read
from db.relations.relation import Relation
from db.results.rows import Lineage
from db.words.totals import extent, link_totals
from software_triggers.task.names import lineage_of

FEWEST_PIECES, WORDS_IN_PIECE = 50, 2_000_000


@dataclass(frozen=True)
class Stored:
    """A range of a run of which a constant is measured."""

    engine: Engine
    run: Run
    a: int
    b: int
    """[a, b) in ticks."""
    quiet: bool
    """Whether progress is shown on standard error."""

    def lineage(self, trigger: str) -> Lineage:
        """Return the lineage that answers for the range; UsageError where there is none."""
        return lineage_of(self.engine, self.run, trigger, span=(self.a, self.b))

    def pieces(self) -> Iterator[tuple[int, int]]:
        """Yield ranges that make up the whole, none of too many words, and show how far it is."""
        words = int(link_totals(self.engine, [self.run.run_id])["words"].sum())
        n = max(FEWEST_PIECES, words // WORDS_IN_PIECE)
        edges = [self.a + (self.b - self.a) * k // n for k in range(n + 1)]
        console = Console(stderr=True, quiet=self.quiet)
        for k in track(range(n), "measuring", console=console, transient=True):
            if edges[k] < edges[k + 1]:
                yield edges[k], edges[k + 1]

    def rows(self, lineage: Lineage, a: int, b: int, columns: Collection[str]) -> pl.DataFrame:
        """Return the rows of a lineage with t in [a, b), ordered by t."""
        found = Relation(lineage.name, self.run, a, b, lineage, columns)
        return pl.DataFrame(pl.from_arrow(read(self.engine, found)))


def stored(engine: Engine, run: Run, span: tuple[int, int], *, quiet: bool) -> Stored:
    """Return the part of a range in which the run has hits; UsageError when it has none at all."""
    first, last = extent(engine, run)
    a, b = max(first, span[0]), min(last, span[1])
    return Stored(engine, run, a, max(b, a + 1), quiet)

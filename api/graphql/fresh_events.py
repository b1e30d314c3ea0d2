"""Events of windows as they are committed: late ones and reprocessed ones, too.

What is promised: once this has begun, every event that stands is announced, a page at a time, after
its window was committed and before it is replaced, if it is replaced at all; those of a window that
was done anew come again. What decides is the order in which ledger rows come, not the time of the
data. It rests on rows being visible within ``LATE_S`` of their stamps.
"""

from datetime import UTC, datetime

import polars as pl

from api.graphql.rows import condition
from db.catalogue.runs import Run, find_run
from db.engine import Engine
from db.results.fresh_cells import fresh_cells
from db.results.pages import Key, RowPage, page_of_rows
from db.results.rows import Lineage
from software_triggers.task.names import lineage_of

AT_ONCE = 500
"""Windows from which a page is read."""
_ROW = ["cell", "revision", "attempt"]


class FreshEvents:
    """Finds what has come since it was last asked. For one thread at a time."""

    def __init__(self, engine: Engine, run_id: int, trigger: str, where: str, most: int) -> None:
        """``most`` is the length of a page."""
        self._engine, self._run_id = engine, run_id
        self._trigger, self._where, self._most = trigger, where, most
        self._lineage: Lineage | None = None
        self._seen = pl.DataFrame()
        self._newest: datetime | None = None
        self._cells: list[int] = []
        self._after: Key | None = None

    def begin(self) -> None:
        """From now on; raises UsageError where there is nothing of this kind."""
        self._look(find_run(self._engine, self._run_id))
        self._cells = []

    def read(self) -> tuple[Run, pl.DataFrame]:
        """Return the run and the next page, empty when there is nothing new."""
        run = find_run(self._engine, self._run_id)
        if not self._cells:
            self._look(run)
        while self._cells:
            some = self._cells[:AT_ONCE]
            found = self._page(run, some)
            whole = len(found.keys) < self._most
            self._after = None if whole else found.keys[-1]
            if whole:
                del self._cells[: len(some)]
            if found.keys:
                return run, found.rows
        return run, pl.DataFrame()

    def _look(self, run: Run) -> None:
        """Find the windows that were committed since the last look."""
        lineage = lineage_of(self._engine, run, self._trigger)
        first = self._lineage is None
        if self._lineage is None or lineage.lineage != self._lineage.lineage:
            # Of a lineage that is new all is new; at the first look what is there is not.
            self._seen, self._newest = pl.DataFrame(), None if first else _BEFORE_ALL
        rows = fresh_cells(self._engine, run.run_id, lineage.lineage, self._newest)
        new = rows if self._seen.is_empty() else rows.join(self._seen, on=_ROW, how="anti")
        stamps = rows["committed_at"].to_list() or [self._newest or _BEFORE_ALL]
        self._newest = max(stamps)
        self._seen, self._lineage = rows.select(_ROW), lineage
        self._cells = new.filter(pl.col("n_rows") > 0)["cell"].unique().sort().to_list()

    def _page(self, run: Run, cells: list[int]) -> RowPage:
        assert self._lineage is not None
        where = condition(self._lineage, self._where)
        a, b = cells[0] * run.cell, (cells[-1] + 1) * run.cell
        return page_of_rows(
            self._engine, run, self._lineage, a, b, where, self._most, self._after, cells
        )


_BEFORE_ALL = datetime(1970, 1, 2, tzinfo=UTC)

"""What tells that results of runs may have changed since one looked, at little cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from db.catalogue.runs import Run, runs_by_number, runs_since
from db.engine import Engine
from db.results.fresh_cells import LATE_S


@dataclass(frozen=True)
class Mark:
    """How far a run's results are."""

    rows: int
    """Of the ledger."""
    newest: datetime
    """When the newest of these was committed."""
    ran: int
    """How often lineages were run over some times."""
    revision: int
    """Of the run's entry."""


def recent_runs(engine: Engine, since: datetime) -> list[Run]:
    """Return the runs that take data, ended or were reprocessed at a moment or later."""
    again = engine.fetch(
        "SELECT DISTINCT run_id FROM lineage_runs"
        " WHERE at >= toDateTime64({since:String}, 6, 'UTC')",
        {"since": f"{since.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"},
    )["run_id"].to_pylist()
    found = {run.run_id: run for run in runs_since(engine, since)}
    found |= runs_by_number(engine, [each for each in again if each not in found])
    return [found[number] for number in sorted(found)]


def marks_of(engine: Engine, runs: Sequence[Run]) -> dict[int, Mark]:
    """Return the mark of each run that has results."""
    which = {"runs": [run.run_id for run in runs]}
    ledger, ran = (
        {row.pop("run_id"): row for row in engine.fetch(sql, which).to_pylist()}
        for sql in (
            "SELECT run_id, count() AS rows, max(committed_at) AS newest FROM ledger"
            " WHERE run_id IN {runs:Array(UInt32)} GROUP BY run_id",
            "SELECT run_id, count() AS ran FROM lineage_runs"
            " WHERE run_id IN {runs:Array(UInt32)} GROUP BY run_id",
        )
    )
    return {
        run.run_id: Mark(
            **ledger[run.run_id],
            ran=ran.get(run.run_id, {"ran": 0})["ran"],
            revision=run.revision,
        )
        for run in runs
        if run.run_id in ledger
    }


def fresh_attempts(engine: Engine, run_id: int, newest: datetime) -> pl.DataFrame:
    """Return cell, lineage and attempt of ledger rows that may be younger than one of a stamp."""
    table = engine.fetch(
        "SELECT cell, lineage, attempt FROM ledger WHERE run_id = {run:UInt32}"
        " AND committed_at > toDateTime64({newest:String}, 6, 'UTC')"
        f" - toIntervalSecond({LATE_S})",
        {"run": run_id, "newest": f"{newest:%Y-%m-%d %H:%M:%S.%f}"},
    )
    return pl.DataFrame(pl.from_arrow(table))

"""How long results are kept, which of them may go and why the rest stays, and how they go."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Literal

from db.catalogue.reprocessings import unsettled
from db.catalogue.runs import Run, list_runs
from db.engine import Engine
from db.results.rows import sweep
from db.retention.policy import DEFAULT, newer

LONGEST_ATTEMPT = timedelta(days=1)
"""No attempt takes so long: rows that are older and do not count never will."""


@dataclass(frozen=True)
class Keep:
    """For how many days results of a trigger are kept; None: for ever."""

    older_days: int | None = None
    """Those of a lineage, since a newer one of the trigger came."""
    all_days: int | None = None
    """Those of all lineages, since the run ended."""


@dataclass(frozen=True)
class Kept:
    """A lineage of a run in the catalogue."""

    run_id: int
    lineage: str
    name: str
    inputs: dict[str, str]
    """Lineages that it read, by name."""
    last_used: datetime
    """When it was last run, or entered."""

    @property
    def table(self) -> str:
        """Where its rows are; as ``Lineage.table``."""
        return f"rows_{self.name}_{self.lineage}"


def set_keep(engine: Engine, trigger: str, keep: Keep) -> None:
    """Keep results of a trigger, or with ``default`` of all that have no policy, so long."""
    newer(engine, "results_policies", {"trigger": trigger, **vars(keep)})


def list_keeps(engine: Engine) -> dict[str, Keep]:
    """Return the policies by the names of their triggers."""
    rows = engine.fetch(
        "SELECT trigger, older_days, all_days FROM results_policies FINAL ORDER BY trigger"
    )
    return {row.pop("trigger"): Keep(**row) for row in rows.to_pylist()}


def keep_of(name: str, keeps: dict[str, Keep]) -> Keep:
    """Return for how long a trigger's results are kept."""
    return keeps.get(name) or keeps.get(DEFAULT) or Keep()


def list_kept(engine: Engine) -> list[Kept]:
    """Return the lineages of all runs, of each run the one used last first."""
    rows = engine.fetch(
        "SELECT run_id, lineage, name, inputs, greatest(first_used, at) AS last_used"
        " FROM lineages FINAL LEFT JOIN (SELECT run_id, lineage, max(at) AS at FROM lineage_runs"
        " GROUP BY run_id, lineage) AS ran USING (run_id, lineage)"
        " ORDER BY run_id, last_used DESC, lineage"
    )
    return [Kept(**row | {"inputs": dict(row["inputs"])}) for row in rows.to_pylist()]


def windows_of(engine: Engine, kept: Kept, beyond: Kept | None = None) -> int:
    """Return how many windows a lineage has results of, or those that another has none of."""
    but = (
        " AND cell NOT IN (SELECT cell FROM ledger WHERE run_id = {run:UInt32}"
        " AND lineage = {other:String})"
    )
    found = engine.fetch(
        "SELECT uniqExact(cell) AS n FROM ledger WHERE run_id = {run:UInt32}"
        " AND lineage = {lineage:String}" + but * (beyond is not None),
        {
            "run": kept.run_id,
            "lineage": kept.lineage,
            "other": beyond.lineage if beyond else "",
        },
    )
    return int(found["n"][0].as_py())


def forget(engine: Engine, kept: Kept) -> None:
    """Delete a lineage's results in a run, and then its entry in the catalogue.

    The ledger goes first: rows that are half gone count no more. Interrupted, it can be done again,
    since the entry goes last. Whoever asks for the same lineage again begins anew.
    """
    of_lineage = "run_id = {run:UInt32} AND lineage = {lineage:String}"
    told: dict[str, int | str] = {"run": kept.run_id, "lineage": kept.lineage}
    places = [shard.here for shard in engine.shards]
    for table, where in (
        ("lineage_runs", of_lineage),
        ("ledger", of_lineage),
        ("failures", of_lineage),
        (kept.table, "run_id = {run:UInt32}"),
        ("lineages", of_lineage),
    ):
        for here in places:
            here.execute(f"DELETE FROM {table} WHERE {where}", told)


@dataclass(frozen=True)
class ResultStep:
    """What is to be done with the results of a lineage in a run, or why nothing is."""

    of: Kept
    action: Literal["delete", "keep"]
    windows: int
    why: str = ""
    """Why they are kept; empty where they go."""


def plan_results(engine: Engine, now: datetime, *, young: bool = False) -> list[ResultStep]:
    """Return a step for each lineage whose time is over by a policy.

    With ``young`` also for the others: they stay, and their steps say why.
    """
    runs = {run.run_id: run for run in list_runs(engine)}
    busy = {one.run_id for one in unsettled(engine)}
    steps: list[ResultStep] = []
    for run_id, group in groupby(list_kept(engine), lambda kept: kept.run_id):
        if run_id in runs:
            kept, run = list(group), runs[run_id]
            steps += _of_run(engine, run, kept, now, busy=run_id in busy)
            steps += _young(engine, run, kept, now) if young else ()
    return steps


def apply_results(engine: Engine, now: datetime) -> list[ResultStep]:
    """Do what a plan says, and return it."""
    steps = plan_results(engine, now)
    for step in steps:
        if step.action == "delete":
            forget(engine, step.of)
    return steps


def sweep_results(engine: Engine, now: datetime) -> int:
    """Delete rows of attempts that count no more, or never did; return how many there were."""
    of_all = {(kept.table, kept.lineage) for kept in list_kept(engine)}
    return sum(sweep(engine, *each, now - LONGEST_ATTEMPT) for each in sorted(of_all))


def _of_run(
    engine: Engine, run: Run, all_of_it: Sequence[Kept], now: datetime, *, busy: bool
) -> Iterator[ResultStep]:
    newest: dict[str, Kept] = {}
    for kept in all_of_it:
        newest.setdefault(kept.name, kept)
    over = {kept.lineage: kept for kept in _over(engine, run, all_of_it, now)}
    why: dict[str, str] = {}
    for lineage, kept in over.items():
        new = newest[kept.name]
        if run.state == "open" or busy:
            why[lineage] = "its run is open, or reprocessed just now"
        elif new.lineage not in over and (n := windows_of(engine, kept, beyond=new)):
            why[lineage] = f"the newest lineage {new.lineage} lacks {n} windows that it has"
    # What is read stays as long as its reader: late data would ask for it again.
    stays = [kept for kept in all_of_it if kept.lineage not in over or kept.lineage in why]
    while stays:
        reader = stays.pop()
        for lineage in reader.inputs.values():
            if lineage in over and lineage not in why:
                why[lineage] = f"{reader.name} {reader.lineage} reads it"
                stays.append(over[lineage])
    for lineage, kept in over.items():
        action: Literal["delete", "keep"] = "keep" if lineage in why else "delete"
        yield ResultStep(kept, action, windows_of(engine, kept), why.get(lineage, ""))


def _young(
    engine: Engine, run: Run, all_of_it: Sequence[Kept], now: datetime
) -> Iterator[ResultStep]:
    keeps = list_keeps(engine)
    for kept, until in _ends(engine, run, all_of_it):
        if until is None or until > now:
            why = _why_young(keep_of(kept.name, keeps), until)
            yield ResultStep(kept, "keep", windows_of(engine, kept), why)


def _why_young(keep: Keep, until: datetime | None) -> str:
    if until is not None:
        return f"they are kept until {until:%Y-%m-%d %H:%M}"
    if keep == Keep():
        return "they are kept for ever"
    return "their run is open" if keep.all_days is not None else "their lineage is the newest"


def _over(engine: Engine, run: Run, all_of_it: Sequence[Kept], now: datetime) -> Iterator[Kept]:
    """Yield the lineages whose days have passed."""
    return (kept for kept, until in _ends(engine, run, all_of_it) if until and until <= now)


def _ends(
    engine: Engine, run: Run, all_of_it: Sequence[Kept]
) -> Iterator[tuple[Kept, datetime | None]]:
    """Yield each lineage and the moment from which it may go; None while no policy gives one."""
    keeps = list_keeps(engine)
    newer: dict[str, datetime] = {}  # when the one came that took their place
    for kept in all_of_it:
        keep = keep_of(kept.name, keeps)
        since = [(newer.get(kept.name), keep.older_days), (run.stopped_at, keep.all_days)]
        ends = [at + timedelta(days=days) for at, days in since if at and days is not None]
        yield kept, min(ends, default=None)
        newer[kept.name] = kept.last_used

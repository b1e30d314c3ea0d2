"""How long results are kept, and how they go."""

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from db.engine import Engine
from db.retention.policy import DEFAULT, newer


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
    first_used: datetime

    @property
    def table(self) -> str:
        """Where its rows are; as ``Lineage.table``."""
        return f"rows_{self.name}_{self.lineage}"


def set_keep(engine: Engine, trigger: str, keep: Keep) -> None:
    """Keep results of a trigger, or with ``default`` of all that have no policy, so long."""
    days = {name: pa.array([value], pa.uint32()) for name, value in vars(keep).items()}
    newer(engine, "results_policies", {"trigger": pa.array([trigger])}, days)


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
    """Return the lineages of all runs, of each run the newest first."""
    rows = engine.fetch(
        "SELECT run_id, lineage, name, inputs, first_used FROM lineages FINAL"
        " ORDER BY run_id, first_used DESC, lineage"
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
        ("ledger", of_lineage),
        ("failures", of_lineage),
        (kept.table, "run_id = {run:UInt32}"),
        ("lineages", of_lineage),
    ):
        for here in places:
            here.execute(f"DELETE FROM {table} WHERE {where}", told)

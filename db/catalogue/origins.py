"""Where a run starts on the detector's counter: said once, for all readouts that take it."""

from db.catalogue.record import enter_first
from db.catalogue.runs import Run
from db.engine import Engine


def find_origin(engine: Engine, run: Run) -> int | None:
    """Return the run's start in ticks of the counter; None before its first words."""
    if "origin" in run.settings:
        return int(run.settings["origin"])
    rows = engine.fetch(
        "SELECT origin FROM origins WHERE run_id = {run:UInt32} LIMIT 1", {"run": run.run_id}
    )
    return int(rows["origin"][0].as_py()) if len(rows) else None


def claim_origin(engine: Engine, run: Run, origin: int) -> int:
    """Let a run start there, unless somebody was first, and return where it starts."""
    known = find_origin(engine, run)
    if known is not None:
        return known
    row = {"run_id": run.run_id, "origin": origin}
    enter_first(engine, "origins", row, ("run_id",))
    found = find_origin(engine, run)
    assert found is not None
    return found

"""Measure a detector's constants from what triggers found, and keep them with the run."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import polars as pl
import typer
from rich.console import Console
from rich.progress import track

from db.catalogue.runs import Run, amend_run, find_run
from db.detector import loads
from db.detector.calibration import table_entry
from db.engine import Engine
from db.errors import UsageError
from db.relations.relation import Relation, read
from db.words.totals import extent
from ops.cli import app
from ops.cli.opening import opened, span_of
from ops.cli.show import AsJson, From, Store, To, show, show_json
from software_triggers.library.measured_resolution import Offsets, Spread
from software_triggers.task.names import lineage_of

TABLE = "resolution_ns"
FEWEST = 200
"""Segments that a chamber must have: its resolution is then known to 8 %."""
PIECES = 50
USES = ("t", "chamber", "n_hits", "quality", "chi2", "resolution_ns")

group = typer.Typer(help="Measure constants from stored results.", no_args_is_help=True)
app.add_typer(group, name="calibrate")


@group.callback()
def calibrate() -> None:
    """Measure constants from stored results."""


@group.command("resolution")
def resolution(
    which: Annotated[str | None, typer.Argument(help="Number or name; default the newest.")] = None,
    start: From = None,
    stop: To = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Measure, and keep nothing.")] = False,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Measure each chamber's resolution from the segments of a run, as far as they are stored.

    The result is added to the declaration that the run keeps, as a calibration from the run's start
    on; those before stay in it. Triggers that depend on it make a new lineage: reprocess them. A
    resolution far from what the segments believed comes nearer each time.
    """
    with opened(store) as at:
        run = find_run(at.engine, which)
        _check(run)
        spreads = _measure(at.engine, run, span_of(run, start, stop), quiet=as_json)
        values = _with_measured(run, spreads)
        entry = table_entry(TABLE, values, run.started_at, None, datetime.now(UTC))
        if not dry_run:
            declaration = run.declaration.rstrip("\n") + "\n" + entry
            loads(declaration)
            amend_run(at.engine, run, declaration=declaration)
    rows = [asdict(each) | {"kept": each.segments >= FEWEST} for each in spreads]
    if as_json:
        show_json({"chambers": rows, "calibration": entry.strip(), "kept": not dry_run})
        return
    show(rows, as_json=False, title=f"run {run.run_id}: how far hits scatter around lines")
    typer.echo(entry)
    if not dry_run:
        typer.echo(f"kept; now: everyhit reprocess --trigger segments,tracks --run {run.run_id}")


def _check(run: Run) -> None:
    if run.state == "open":
        raise UsageError(f"run {run.run_id} takes data: calibrate it when it has ended")
    if TABLE not in run.detector.tables:
        raise UsageError(
            f"the declaration of {run.detector.name} has no {TABLE} in [tables]: it isn't one of"
            " drift tubes that can be calibrated"
        )


def _measure(engine: Engine, run: Run, span: tuple[int, int], *, quiet: bool) -> list[Spread]:
    a, b = extent(engine, run)
    a, b = max(a, span[0]), min(b, span[1])
    segments = lineage_of(engine, run, "segments", span=(a, max(b, a + 1)))
    edges = [a + (b - a) * k // PIECES for k in range(PIECES + 1)]
    offsets = Offsets()
    console = Console(stderr=True, quiet=quiet)
    for k in track(range(PIECES), "measuring", console=console, transient=True):
        if edges[k] < edges[k + 1]:
            rows = read(
                engine,
                Relation("segments", run, edges[k], edges[k + 1], segments, USES),
                ordered=False,
            )
            offsets.add(pl.DataFrame(pl.from_arrow(rows)))
    return offsets.spreads()


def _with_measured(run: Run, spreads: list[Spread]) -> list[float]:
    # The run's table with what is measured well enough in its place.
    values = list(run.detector.tables[TABLE])
    good = [each for each in spreads if each.segments >= FEWEST and each.chamber < len(values)]
    if not good:
        most = max((each.segments for each in spreads), default=0)
        raise UsageError(
            f"run {run.run_id} has {most} segments of four hits in a chamber, and {FEWEST} tell a"
            " resolution: take a longer range"
        )
    for each in good:
        values[each.chamber] = round(each.resolution_ns, 3)
    return values

"""Measure a detector's constants from what triggers found, and keep them with the run."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from db.catalogue.runs import amend_run, find_run
from db.detector import loads
from db.detector.calibration import calibration_entry
from db.errors import UsageError
from ops.calibration.drift import measure_drift
from ops.calibration.measured import Measured
from ops.calibration.offsets import measure_alignment, measure_t0
from ops.calibration.resolution import measure_resolution
from ops.calibration.stored import Stored, stored
from ops.cli import app
from ops.cli.opening import opened, span_of
from ops.cli.show import AsJson, From, Store, To, show, show_json

ABOUT = """{what}

The result is added to the declaration that the run keeps, as a calibration from the run's start
on; those before stay in it. Triggers that depend on it make a new lineage: reprocess them. What is
far from what was believed comes nearer each time.
"""
COMMANDS: dict[str, tuple[Callable[[Stored], Measured], str]] = {
    "resolution": (
        measure_resolution,
        "Measure each chamber's resolution from the segments of a run, as far as they are stored.",
    ),
    "vdrift": (
        measure_drift,
        "Measure the drift velocity, and with it the longest drift time, from a run's segments.",
    ),
    "t0": (
        measure_t0,
        "Measure by how much chambers' clocks are late, from a run's tracks: the lowest chamber of"
        " each view is right.",
    ),
    "alignment": (
        measure_alignment,
        "Measure how chambers lie and are turned, from a run's tracks: the lowest and the highest"
        " chamber of each view lie where they are declared.",
    ),
}

group = typer.Typer(help="Measure constants from stored results.", no_args_is_help=True)
app.add_typer(group, name="calibrate")


@group.callback()
def calibrate() -> None:
    """Measure constants from stored results."""


def _add(name: str, measure: Callable[[Stored], Measured], what: str) -> None:
    @group.command(name, help=ABOUT.format(what=what))
    def command(
        which: Annotated[
            str | None, typer.Argument(help="Number or name; default the newest.")
        ] = None,
        start: From = None,
        stop: To = None,
        dry_run: Annotated[
            bool, typer.Option("--dry-run", help="Measure, and keep nothing.")
        ] = False,
        out: Annotated[
            Path | None,
            typer.Option("--out", help="Draw what is left into this file: .png, .pdf or .svg."),
        ] = None,
        store: Store = None,
        as_json: AsJson = False,
    ) -> None:
        if out is not None:
            from ops.plot import checked

            checked(out)
        with opened(store) as at:
            run = find_run(at.engine, which)
            if run.state == "open":
                raise UsageError(f"run {run.run_id} takes data: calibrate it when it has ended")
            found = measure(stored(at.engine, run, span_of(run, start, stop), quiet=as_json))
            values = {"constants": found.constants, "tables": found.tables}
            entry = calibration_entry(values, run.started_at, None, datetime.now(UTC))
            if out is not None:
                from ops.plot import left, save

                save(left.draw(run, found.panels), out)
            if not dry_run:
                declaration = run.declaration.rstrip("\n") + "\n" + entry
                loads(declaration)
                amend_run(at.engine, run, declaration=declaration)
        if as_json:
            show_json({"chambers": found.rows, "calibration": entry.strip(), "kept": not dry_run})
            return
        show(found.rows, as_json=False, title=f"run {run.run_id}: {name}")
        typer.echo(entry)
        if not dry_run:
            again = f"everyhit reprocess --trigger segments,tracks --run {run.run_id}"
            typer.echo(f"kept; now: {again}")


for _name, (_measure, _what) in COMMANDS.items():
    _add(_name, _measure, _what)

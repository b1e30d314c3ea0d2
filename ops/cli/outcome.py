"""The exit code of a command: 0 done, 1 refused or failed, 2 wrong usage, 3 windows failed."""

import typer

from db.catalogue.runs import Run
from db.engine import Engine
from db.results.failures import windows_set_aside
from ops.cli.runs import Results, results_of
from ops.plain import visible

WINDOWS_FAILED = 3


def end_with_failures(engine: Engine, run: Run, results: Results | None = None) -> None:
    """Say why the first window failed and end with exit code 3, if windows are set aside.

    They are those of ``results``; without them, of all results of the run.
    """
    results = results_of(engine, run) if results is None else results
    lineages = [str(row["lineage"]) for row in results]
    failed = windows_set_aside(engine, run.run_id, lineages)
    if failed.is_empty():
        return
    first = str(failed["error"][0]).partition("\n")[0]
    name = next(row["trigger"] for row in results if row["lineage"] == failed["lineage"][0])
    typer.echo(
        f"everyhit: {len(failed)} windows failed. {visible(first)} (more: everyhit trigger show"
        f" {name} --run {run.run_id})",
        err=True,
    )
    raise typer.Exit(WINDOWS_FAILED)

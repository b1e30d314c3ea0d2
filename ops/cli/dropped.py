"""A warning that raw words of a range are gone."""

import typer

from db.catalogue.runs import Run
from db.engine import Engine
from db.words.headers import dropped_words


def warn_of_dropped(engine: Engine, run: Run, span: tuple[int, int], so: str) -> None:
    """Say on standard error that raw words of the range were dropped, if they were."""
    lost = dropped_words(engine, run.run_id, *span)
    if lost:
        second = float(run.detector.tick) * 1e-9
        typer.echo(
            f"{lost.words:,} raw words of run {run.run_id} between {lost.a * second:.9g} s and"
            f" {lost.b * second:.9g} s were dropped: {so}",
            err=True,
        )

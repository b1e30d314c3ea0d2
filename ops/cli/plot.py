"""Pictures of a run. What draws is imported by the commands: Matplotlib is an extra, and slow."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from db.catalogue.runs import Run, find_run
from db.engine import Engine
from db.errors import UsageError
from db.relations.relation import Relation
from db.time import parse_moment
from db.words.totals import extent
from ops.cli import app
from ops.cli.opening import opened, span_of
from ops.cli.options import RunRange, spread
from software_triggers.task.names import lineage_of, partial_of, relations

plots = typer.Typer(help="Pictures of a run, as PNG, PDF or SVG.", no_args_is_help=True)
app.add_typer(plots, name="plot")

Log = Annotated[bool, typer.Option("--log", help="Draw counts logarithmically.")]
Out = Annotated[Path, typer.Option("--out", help="The file to write: .png, .pdf or .svg.")]


@plots.command("occupancy")
@spread
def occupancy(out: Out, at: RunRange, log: Log = False) -> None:
    """Draw how many hits each wire, or each channel, has."""
    from ops.plot import occupancy as picture
    from ops.plot import save

    with _asked(out, at) as of:
        counted = picture.count(of.engine, of.relations["hits"])
    save(picture.draw(of.run, counted, log=log), out)


@plots.command("drift-times")
@spread
def drift_times(out: Out, at: RunRange) -> None:
    """Draw the drift times of hits in segments: all, and chamber by chamber."""
    from ops.plot import drift_times as picture
    from ops.plot import save

    with _asked(out, at) as of:
        lineage_of(of.engine, of.run, "segments")
        said = partial_of(of.engine, of.relations, ["segments"])
        counted = picture.count(of.engine, of.relations["segments"])
    save(picture.draw(of.run, counted), out, said)


@plots.command("event")
@spread
def event(
    out: Out,
    at: RunRange,
    number: Annotated[
        int, typer.Option("--event", min=0, help="Which one of the range, from 0 in time's order.")
    ] = 0,
    moment: Annotated[
        str | None, typer.Option("--at", help="As --from: the event then, or the next one.")
    ] = None,
    name: Annotated[str, typer.Option("--trigger", help="Which event builder.")] = "events",
) -> None:
    """Draw an event: hit cells, drift distances, segments and tracks."""
    from ops.plot import display, save
    from ops.plot import event as picture

    if number and moment is not None:
        raise UsageError("an event has a number or a moment: give --event or --at, not both")
    with _asked(out, at) as of:
        lineage_of(of.engine, of.run, name)
        said = partial_of(of.engine, of.relations, [name])
        names = {**of.relations, "events": of.relations[name]}
        when = None
        if moment is not None:
            when = parse_moment(moment, of.run.detector.tick, of.run.started_at)
        found = picture.read(of.engine, of.run, names, number, when)
    save(display.draw(of.run, found), out, said)


@dataclass(frozen=True)
class _Asked:
    engine: Engine
    run: Run
    a: int
    b: int
    """The range [a, b) asked for, within that in which the run has hits."""
    relations: dict[str, Relation]
    """With the rows of the whole range asked for."""


@contextmanager
def _asked(out: Path, at: RunRange) -> Iterator[_Asked]:
    """Open what a picture is drawn from, once it is sure that the picture can be written."""
    from ops.plot import checked

    checked(out)
    with opened(at.store) as store:
        engine, found = store.engine, find_run(store.engine, at.run)
        first, last = extent(engine, found)
        a, b = span = span_of(found, at.start, at.stop)
        names = relations(engine, found, span)
        yield _Asked(engine, found, max(a, first), min(b, last), names)

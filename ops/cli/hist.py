from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from db.catalogue.runs import find_run
from db.errors import UsageError
from db.relations.histogram import Histogram, histogram_of
from ops.cli import app
from ops.cli.dropped import warn_of_dropped
from ops.cli.opening import opened, span_of
from ops.cli.show import AsJson, From, RunOption, Store, To, show_json
from software_triggers.task.names import partial_of, relations

MOST_BINS, WIDEST_BAR, PATIENCE_S = 1000, 50, 600.0


@app.command()
def hist(
    value: Annotated[
        str, typer.Argument(help="A column, or an expression of them, as 'adc / 4' or 't % 1000'.")
    ],
    of: Annotated[str, typer.Option("--of", help="hits, words, or a trigger's name.")] = "hits",
    where: Annotated[str, typer.Option("--where", help="Which rows, in SQL.")] = "",
    bins: Annotated[
        int, typer.Option("--bins", min=1, max=MOST_BINS, help="How many at most.")
    ] = 40,
    low: Annotated[
        float | None, typer.Option("--low", help="Begin of the first; default the least value.")
    ] = None,
    high: Annotated[
        float | None, typer.Option("--high", help="End of the last; default the greatest value.")
    ] = None,
    log: Annotated[bool, typer.Option("--log", help="Draw counts logarithmically.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="Draw it into this file: .png, .pdf or .svg.")
    ] = None,
    run: RunOption = None,
    start: From = None,
    stop: To = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Count values in bins, in the database, and draw that here or into a file."""
    if out is not None:
        from ops.plot import checked  # takes a second, and may be missing

        checked(out)
    with opened(store) as at:
        found = find_run(at.engine, run)
        span = span_of(found, start, stop)
        names = relations(at.engine, found, span)
        if of not in names:
            raise UsageError(f"there is no {of} in this run; there are: {', '.join(names)}")
        if of in ("hits", "words"):
            warn_of_dropped(at.engine, found, span, "they are not in this histogram")
        if said := partial_of(at.engine, names, [of]):
            typer.echo(said, err=True)
        counted = histogram_of(at.engine, value, of, where, names, bins, low, high, PATIENCE_S)
    title = f"{value} of {of}" + (f" where {where}" if where else "")
    if out is not None:
        from ops.plot import save
        from ops.plot.histogram import draw

        save(draw(found, counted, value, title, log=log), out, said)
    if as_json:
        edges = np.linspace(counted.low, counted.high, len(counted.counts) + 1).tolist()
        show_json({"edges": edges, "counts": counted.counts} | _outside(counted))
    elif out is None:
        _print(counted, title, log=log)


def _outside(counted: Histogram) -> dict[str, int]:
    return {"below": counted.below, "above": counted.above}


def _print(counted: Histogram, title: str, *, log: bool) -> None:
    """Draw a histogram in a terminal: a line for each bin."""
    counts = np.array(counted.counts)
    heights = np.log10(counts + 1) if log else counts.astype(float)
    full = WIDEST_BAR / max(heights.max(), 1e-9)
    first = np.linspace(counted.low, counted.high, len(counts) + 1)[:-1] + counted.whole / 2
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    for value, n, height in zip(first.tolist(), counts.tolist(), heights, strict=True):
        table.add_row(f"{value:,.6g}", f"{n:,}", _bar(float(height * full)))
    console = Console(highlight=False)
    console.print(f"{title}: {counts.sum():,} values", markup=False)
    console.print(table)
    if any(_outside(counted).values()):
        console.print(f"{counted.below:,} below, {counted.above:,} above", markup=False)


def _bar(eighths_of_one: float) -> str:
    """Return a bar of so many characters, to an eighth."""
    whole, rest = divmod(round(eighths_of_one * 8), 8)
    return "█" * whole + " ▏▎▍▌▋▊▉"[rest].strip()

"""Pictures of what any detector has: values, times between hits, two columns, rates."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import polars as pl
import typer
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn

from db.catalogue.runs import Run
from db.detector.elements import elements
from db.engine import Engine
from db.errors import UsageError
from db.relations.histogram import Axis, Histogram, histogram2d_of
from db.relations.relation import Relation
from db.relations.time_differences import between, count_rows, to_previous
from db.selection import Node
from db.time import duration_ticks
from db.words.gaps import read_gaps
from db.words.totals import extent
from ops.cli.counted import (
    PATIENCE_S,
    Answer,
    Counted,
    High,
    Low,
    SomeBins,
    Where,
    answer,
    bins_for,
    check_answer,
)
from ops.cli.hist import Of, Value, count
from ops.cli.opening import columns_of, rows_asked
from ops.cli.options import RunRange, spread
from ops.cli.plot import plots
from ops.cli.show import AsJson, show_json
from ops.cli.waiting import progress_bars
from software_triggers.task.names import selection_over

SomeOut = Annotated[
    Path | None, typer.Option("--out", help="Draw it into this file: .png, .pdf or .svg.")
]
Log = Annotated[bool, typer.Option("--log", help="Draw counts logarithmically.")]

MEAN_GAPS = 10
"""Without --within, times up to so many mean ones are shown."""
MOST_CELLS = 200
_UNITS = ((1e9, "s"), (1e6, "ms"), (1e3, "us"), (0.0, "ns"))
"""From how many ns on, a unit."""


@plots.command("spectrum")
@spread
def spectrum(
    value: Value,
    at: RunRange,
    asked: Answer,
    of: Of = "hits",
    where: Where = "",
    bins: SomeBins = None,
    low: Low = None,
    high: High = None,
) -> None:
    """Draw how often each value occurs, with a fit where one is asked for."""
    check_answer(asked)
    answer(count(value, of, where, (bins_for(bins, asked), low, high), at), asked)


@plots.command("time-difference")
@spread
def time_difference(
    at: RunRange,
    asked: Answer,
    first: Annotated[
        str, typer.Option("--first", help='From these, a selection as "channel == 0" ...')
    ] = "",
    second: Annotated[
        str, typer.Option("--second", help="... to these; default to each from the one before.")
    ] = "",
    by: Annotated[
        str | None, typer.Option("--by", help="Without them: among those of equal value of this.")
    ] = None,
    within: Annotated[
        str | None, typer.Option("--within", help="How far apart, as 2us; default what suits.")
    ] = None,
    of: Of = "hits",
    bins: SomeBins = None,
) -> None:
    """Draw times from each hit to the one before, or of all pairs of two selections.

    --first and --second count each pair within the time, on both sides: what belongs together is a
    peak there, what does not is flat.
    """
    check_answer(asked)
    if bool(first) != bool(second):
        raise UsageError("pairs need both --first and --second")
    if first and by is not None:
        raise UsageError("--by is for times to the hit before: leave it out with --first")
    n_bins = bins_for(bins, asked)
    with rows_asked(at, of) as found:
        rows = _within_hits(found.engine, found.relations[of])
        if by is not None and by not in columns_of(rows):
            raise UsageError(f"{of} have no column {by}; they have: {', '.join(columns_of(rows))}")
        if within is not None:
            reach = duration_ticks(within, found.run.detector.tick)
        else:
            n = max(count_rows(found.engine, rows), 1)
            reach = max(MEAN_GAPS * (rows.b - rows.a) // n, 10)
        if reach < 1:
            raise UsageError(f"--within {within}: that is less than a tick")
        with progress_bars(
            TextColumn("counting"), BarColumn(), TimeElapsedColumn(), quiet=asked.as_json
        ) as bar:
            task = bar.add_task("", total=1.0)

            def show_done(done: float) -> None:
                bar.update(task, completed=done)

            if first:
                pair = _selection(rows, first), _selection(rows, second)
                ticks = between(found.engine, rows, *pair, reach, n_bins, PATIENCE_S, show_done)
                title = f"from {first} to {second}, {of}"
            else:
                ticks = to_previous(found.engine, rows, by, reach, n_bins, PATIENCE_S, show_done)
                title = f"from {of} to the next" + (f" of equal {by}" if by else "")
    counted, unit = _in_time(found.run, ticks)
    answer(Counted(found.run, counted, "time difference", title, unit, found.said), asked)


@plots.command("scatter")
@spread
def scatter(
    x: Value,
    y: Value,
    at: RunRange,
    of: Of = "hits",
    where: Where = "",
    bins: Annotated[
        str, typer.Option("--bins", help="How many along x and y, as 60x40.")
    ] = "100x100",
    x_range: Annotated[str, typer.Option("--x-range", help="low:high; default all.")] = ":",
    y_range: Annotated[str, typer.Option("--y-range", help="low:high; default all.")] = ":",
    log: Log = False,
    out: SomeOut = None,
    as_json: AsJson = False,
) -> None:
    """Draw how often pairs of values occur, as a map of cells."""
    if out is None and not as_json:
        raise UsageError("a map is drawn into a file, --out map.png, or told as numbers, --json")
    if out is not None:
        from ops.plot import checked

        checked(out)
    n_x, n_y = _cells(bins)
    axes = Axis(*_ends("--x-range", x_range), n_x), Axis(*_ends("--y-range", y_range), n_y)
    with rows_asked(at, of) as asked:
        counted = histogram2d_of(asked.engine, (x, y), of, where, asked.relations, axes, PATIENCE_S)
    if out is not None:
        from ops.plot import save
        from ops.plot.scatter import draw

        title = f"{y} against {x} of {of}" + (f" where {where}" if where else "")
        save(draw(asked.run, counted, x, y, title, log=log), out, asked.said)
    if as_json:
        edges = {
            name: np.linspace(axis.low or 0, axis.high or 0, axis.n + 1).tolist()
            for name, axis in (("x", counted.x), ("y", counted.y))
        }
        numbers = counted.counts.astype(np.int64).tolist()
        show_json({**edges, "counts": numbers, "outside": counted.outside})


@plots.command("rate")
@plots.command("rates", hidden=True)  # its name until there were others
@spread
def rate(
    at: RunRange,
    by: Annotated[
        str | None,
        typer.Option("--by", help="Any column, a line each; default what the detector has."),
    ] = None,
    of: Of = "hits",
    where: Annotated[
        str, typer.Option("--where", help='Which rows, a selection as "chamber == 2".')
    ] = "",
    bin_: Annotated[
        str | None, typer.Option("--bin", help="Length of a bin, as 10s; default what suits.")
    ] = None,
    out: SomeOut = None,
    as_json: AsJson = False,
) -> None:
    """Draw hits a second against time; dead time is shaded.

    Without --where and --bin, and by link or by what elements are grouped by, they are counts taken
    at insert, which cost nothing; else rows are counted now.
    """
    if out is None and not as_json:
        raise UsageError("rates are drawn into a file, --out rate.png, or told as numbers, --json")
    from ops.plot import checked, save
    from ops.plot import rates as picture

    if out is not None:
        checked(out)
    with rows_asked(at, of) as asked:
        engine, rows = asked.engine, _within_hits(asked.engine, asked.relations[of])
        shape = asked.run.detector.shape
        groups = [shape.element[0]] if shape and len(elements(asked.run.detector)) else []
        groups.append("link")
        if of == "hits" and not where and bin_ is None and (by is None or by in groups):
            counted = picture.count(engine, asked.run, rows.a, rows.b, by or groups[0])
        else:
            if by is not None and by not in columns_of(rows):
                known = ", ".join(columns_of(rows))
                raise UsageError(f"{of} have no column {by}; they have: {known}")
            kept = replace(rows, where=_selection(rows, where) if where else None)
            length = None if bin_ is None else duration_ticks(bin_, asked.run.detector.tick)
            if length == 0:
                raise UsageError(f"--bin {bin_}: that is less than a tick")
            counted = picture.count_rows(engine, kept, kept.a, kept.b, by, length)
        gaps = read_gaps(engine, asked.run.run_id)
    if out is not None:
        save(picture.draw(asked.run, counted, gaps, of), out, asked.said)
    if as_json:
        second = 1e9 / float(asked.run.detector.tick)
        per_s = pl.col("n") / (pl.col("t_end") - pl.col("t")) * second
        show_json(counted.with_columns(per_s=per_s).to_dicts())


def _within_hits(engine: Engine, rows: Relation) -> Relation:
    """Return the rows with a range that ends where the run's hits do."""
    first, last = extent(engine, rows.run)
    a, b = max(rows.a, first), min(rows.b, last)
    return replace(rows, a=a, b=max(a, b))


def _selection(rows: Relation, text: str) -> Node:
    if rows.lineage is not None:
        return selection_over(rows.lineage, text)
    return rows.run.detector.selection(text)


def _in_time(run: Run, ticks: Histogram) -> tuple[Histogram, str]:
    """Return counts over a unit of time that suits them, and the unit."""
    tick_ns = float(run.detector.tick)
    widest = max(abs(ticks.low), abs(ticks.high)) * tick_ns
    unit_ns, unit = next((ns or 1.0, name) for ns, name in _UNITS if widest >= ns)
    scale = tick_ns / unit_ns
    return replace(ticks, low=ticks.low * scale, high=ticks.high * scale, whole=False), unit


def _cells(text: str) -> tuple[int, int]:
    x, _, y = text.partition("x")
    if not (x.isdecimal() and y.isdecimal()) or not all(1 <= int(n) <= MOST_CELLS for n in (x, y)):
        raise UsageError(f"--bins {text}: write them as 60x40, up to {MOST_CELLS}x{MOST_CELLS}")
    return int(x), int(y)


def _ends(option: str, text: str) -> tuple[float | None, float | None]:
    low, colon, high = text.partition(":")
    try:
        if colon:
            return float(low) if low else None, float(high) if high else None
    except ValueError:
        pass
    raise UsageError(f"{option} {text}: write low:high, as 0:100; either may be left out")

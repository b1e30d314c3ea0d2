"""How counts in bins are answered: in the terminal, as a picture, or as numbers."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from db.catalogue.runs import Run
from db.errors import UsageError
from db.relations.histogram import Histogram
from ops.cli.show import AsJson, show_json

if TYPE_CHECKING:
    from ops.plot.fit import Fit

MOST_BINS, WIDEST_BAR, PATIENCE_S = 1000, 50, 600.0
NUMBERS = ".csv"
_LINES, _DRAWN = 40, 200

Bins = Annotated[int, typer.Option("--bins", min=1, max=MOST_BINS, help="How many at most.")]
Low = Annotated[
    float | None, typer.Option("--low", help="Begin of the first; default the least value.")
]
High = Annotated[
    float | None, typer.Option("--high", help="End of the last; default the greatest value.")
]
SomeBins = Annotated[
    int | None,
    typer.Option("--bins", min=1, max=MOST_BINS, help="How many at most; default what suits."),
]
Where = Annotated[str, typer.Option("--where", help="Which rows, in SQL.")]


@dataclass(frozen=True)
class Counted:
    """Counts, and what is said of them."""

    run: Run
    histogram: Histogram
    value: str
    """What was counted."""
    title: str
    unit: str = ""
    said: str = ""
    """For which part of the range there is nothing."""


@dataclass(frozen=True)
class Answer:
    """How counts are answered, as a command asks for it."""

    log: Annotated[bool, typer.Option("--log", help="Draw counts logarithmically.")] = False
    log_x: Annotated[bool, typer.Option("--log-x", help="Draw values logarithmically.")] = False
    fit: Annotated[
        str | None, typer.Option("--fit", help="peak: a Gaussian on a slope; or exponential.")
    ] = None
    fit_range: Annotated[
        str | None, typer.Option("--fit-range", help="low:high, of values; default what suits.")
    ] = None
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Draw it into this file: .png, .pdf or .svg; .csv has numbers."),
    ] = None
    as_json: AsJson = False


def check_answer(asked: Answer) -> None:
    """Raise UsageError if what a histogram is to be written to or fitted with can't be meant."""
    out, fit, fit_range = asked.out, asked.fit, asked.fit_range
    if out is not None and out.suffix.lower() != NUMBERS:
        from ops.plot import checked  # takes a second, and may be missing

        checked(out)
    if fit is not None and fit not in ("peak", "exponential"):
        raise UsageError(f"--fit {fit}: what is fitted is peak or exponential")
    ends_of(fit_range)
    if fit_range is not None and fit is None:
        raise UsageError("--fit-range needs --fit peak or --fit exponential")


def bins_for(bins: int | None, asked: Answer) -> int:
    """Return how many bins there are: in a terminal, unless something is said, fewer."""
    return bins or (_LINES if asked.out is None and not asked.as_json else _DRAWN)


def ends_of(fit_range: str | None) -> tuple[float | None, float | None]:
    """Return both ends of low:high, either of which may be left out; UsageError otherwise."""
    if fit_range is None:
        return None, None
    low, colon, high = fit_range.partition(":")
    try:
        ends = float(low) if low else None, float(high) if high else None
    except ValueError:
        colon = ""
    if not colon or ends == (None, None):
        raise UsageError(f"--fit-range {fit_range}: write low:high, as 400:600, or one of them")
    return ends


def answer(of: Counted, asked: Answer) -> None:
    """Print counts, draw them, or write them as numbers, with a fit where one is asked for."""
    found, out = _fit(of.histogram, asked.fit, asked.fit_range), asked.out
    if out is not None and out.suffix.lower() == NUMBERS:
        _write_numbers(of.histogram, out)
    elif out is not None:
        from ops.plot import save
        from ops.plot.histogram import draw

        label = f"{of.value} ({of.unit})" if of.unit else of.value
        scales = {"log": asked.log, "log_x": asked.log_x}
        save(draw(of.run, of.histogram, label, of.title, **scales, fit=found), out, of.said)
    if asked.as_json:
        unit = {"unit": of.unit} if of.unit else {}
        show_json(_told(of.histogram, found) | unit)
    elif out is None:
        _print(of.histogram, of.title, log=asked.log)
    if found is not None and not asked.as_json:
        typer.echo("\n".join(found.lines))


def edges_of(of: Histogram) -> list[float]:
    """Return where bins begin, and where the last one ends."""
    return [float(edge) for edge in np.linspace(of.low, of.high, len(of.counts) + 1)]


def _fit(of: Histogram, kind: str | None, fit_range: str | None) -> "Fit | None":
    if kind is None:
        return None
    try:
        from ops.plot.fit import fitted
    except ImportError:
        raise UsageError("fits need the extra: pip install 'everyhit[plot]'") from None
    return fitted(of, kind, *ends_of(fit_range))


def _told(of: Histogram, fit: "Fit | None") -> dict[str, Any]:
    told: dict[str, Any] = {"edges": edges_of(of), "counts": of.counts} | _outside(of)
    if fit is not None:
        told["fit"] = {
            "kind": fit.kind,
            "low": fit.low,
            "high": fit.high,
            "values": fit.values,
            "errors": fit.errors,
            "chi2": fit.chi2,
            "ndf": fit.ndf,
        }
    return told


def _write_numbers(of: Histogram, out: Path) -> None:
    edges = edges_of(of)
    rows = zip(edges[:-1], edges[1:], of.counts, strict=True)
    lines = ["low,high,counts", *(f"{low!r},{high!r},{n}" for low, high, n in rows)]
    try:
        out.write_text("\n".join(lines) + "\n")
    except OSError as fault:
        raise UsageError(f"can't write {out}: {fault.strerror}") from None


def _outside(of: Histogram) -> dict[str, int]:
    return {"below": of.below, "above": of.above}


def _print(of: Histogram, title: str, *, log: bool) -> None:
    """Draw a histogram in a terminal: a line for each bin."""
    counts = np.array(of.counts)
    heights = np.log10(counts + 1) if log else counts.astype(float)
    full = WIDEST_BAR / max(heights.max(), 1e-9)
    first = np.linspace(of.low, of.high, len(counts) + 1)[:-1] + of.whole / 2
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    for value, n, height in zip(first.tolist(), counts.tolist(), heights, strict=True):
        table.add_row(f"{value:,.6g}", f"{n:,}", _bar(float(height * full)))
    console = Console(highlight=False)
    console.print(f"{title}: {counts.sum():,} values", markup=False)
    console.print(table)
    if any(_outside(of).values()):
        console.print(f"{of.below:,} below, {of.above:,} above", markup=False)


def _bar(eighths_of_one: float) -> str:
    """Return a bar of so many characters, to an eighth."""
    whole, rest = divmod(round(eighths_of_one * 8), 8)
    return "█" * whole + " ▏▎▍▌▋▊▉"[rest].strip()

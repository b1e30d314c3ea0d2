"""``everyhit hist``: values counted in bins."""

from typing import Annotated

import typer

from db.relations.histogram import histogram_of
from ops.cli import app
from ops.cli.counted import (
    PATIENCE_S,
    Answer,
    Bins,
    Counted,
    High,
    Low,
    Where,
    answer,
    check_answer,
)
from ops.cli.opening import rows_asked
from ops.cli.options import RunRange, spread
from ops.cli.waiting import shown_while_asked

Value = Annotated[
    str, typer.Argument(help="A column, or an expression of them, as 'adc / 4' or 't % 1000'.")
]
Of = Annotated[str, typer.Option("--of", help="hits, words, or a trigger's name.")]


@app.command()
@spread
def hist(
    value: Value,
    at: RunRange,
    asked: Answer,
    of: Of = "hits",
    where: Where = "",
    bins: Bins = 40,
    low: Low = None,
    high: High = None,
) -> None:
    """Count values in bins, in the database, and draw that here or into a file."""
    check_answer(asked)
    answer(count(value, of, where, (bins, low, high), at), asked)


def count(
    value: str, of: str, where: str, axis: tuple[int, float | None, float | None], at: RunRange
) -> Counted:
    """Return the counts of an expression over rows of a run, in bins from one value to another."""
    with rows_asked(at, of) as asked, shown_while_asked(asked.engine):
        counted = histogram_of(asked.engine, value, of, where, asked.relations, *axis, PATIENCE_S)
    title = f"{value} of {of}" + (f" where {where}" if where else "")
    return Counted(asked.run, counted, value, title, said=asked.said)

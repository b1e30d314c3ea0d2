"""``everyhit hist``: values counted in bins."""

from typing import Annotated

import typer

from db.relations.histogram import histogram_of
from ops.cli import app
from ops.cli.counted import (
    PATIENCE_S,
    Bins,
    Counted,
    High,
    Log,
    Low,
    OutFile,
    Where,
    answer,
    check_out,
)
from ops.cli.opening import rows_asked
from ops.cli.show import AsJson, From, RunOption, Store, To
from ops.cli.waiting import shown_while_asked

Value = Annotated[
    str, typer.Argument(help="A column, or an expression of them, as 'adc / 4' or 't % 1000'.")
]
Of = Annotated[str, typer.Option("--of", help="hits, words, or a trigger's name.")]


@app.command()
def hist(
    value: Value,
    of: Of = "hits",
    where: Where = "",
    bins: Bins = 40,
    low: Low = None,
    high: High = None,
    log: Log = False,
    out: OutFile = None,
    run: RunOption = None,
    start: From = None,
    stop: To = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Count values in bins, in the database, and draw that here or into a file."""
    check_out(out)
    counted = count(value, of, where, bins, low, high, run, start, stop, store)
    answer(counted, out, as_json=as_json, log=log)


def count(
    value: str,
    of: str,
    where: str,
    bins: int,
    low: float | None,
    high: float | None,
    run: str | None,
    start: str | None,
    stop: str | None,
    store: str | None,
) -> Counted:
    """Return the counts of an expression over rows of a run."""
    with rows_asked(store, run, start, stop, of) as asked:
        names = asked.relations
        with shown_while_asked(asked.engine):
            counted = histogram_of(
                asked.engine, value, of, where, names, bins, low, high, PATIENCE_S
            )
    title = f"{value} of {of}" + (f" where {where}" if where else "")
    return Counted(asked.run, counted, value, title, said=asked.said)

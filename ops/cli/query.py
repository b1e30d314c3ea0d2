import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from sqlglot import exp

from db.catalogue.runs import Run, find_run
from db.engine import Engine
from db.errors import UsageError
from db.selection import to_sql
from db.user_sql.confine import bound, confined
from db.words.headers import dropped_words
from ops.cli import app
from ops.cli.opening import opened, span_of
from ops.cli.show import From, RunOption, Store, To
from software_triggers.task.names import lineage_of, relations, selection_over


class Format(StrEnum):
    """How a result is written."""

    PRETTY = "pretty"
    JSON = "json"
    CSV = "csv"
    ARROW = "arrow"
    PARQUET = "parquet"


_ENGINE_FORMAT = {
    Format.PRETTY: "PrettyCompactMonoBlock",
    Format.JSON: "JSONEachRow",
    Format.CSV: "CSVWithNames",
    Format.ARROW: "Arrow",
    Format.PARQUET: "Parquet",
}

FormatOption = Annotated[Format, typer.Option("--format", help="How the result is written.")]
Out = Annotated[Path | None, typer.Option("--out", help="Write to this file.")]


@app.command()
def query(
    sql: Annotated[str, typer.Argument(help="One SELECT over hits, words, rates and triggers.")],
    run: RunOption = None,
    start: From = None,
    stop: To = None,
    fmt: FormatOption = Format.PRETTY,
    out: Out = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    store: Store = None,
) -> None:
    """Ask a run in SQL: hits, words, rates, and the committed results of triggers by name."""
    with opened(store) as at:
        found = find_run(at.engine, run)
        names = relations(at.engine, found, span_of(found, start, stop))
        tree = confined(sql, names)
        if {"hits", "words"} & {table.name for table in tree.find_all(exp.Table)}:
            _warn(at.engine, found, span_of(found, start, stop), "they are not in this answer")
        written = at.engine.reader.render(
            bound(tree, names), _ENGINE_FORMAT[Format.JSON if as_json else fmt]
        )
    write(written, Format.JSON if as_json else fmt, out)


@app.command()
def events(
    where: Annotated[
        str, typer.Option("--where", help='A selection, as "n_words > 10 and not continued".')
    ] = "True",
    name: Annotated[str, typer.Option("--trigger", help="Which event builder.")] = "events",
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 50,
    run: RunOption = None,
    start: From = None,
    stop: To = None,
    fmt: FormatOption = Format.PRETTY,
    out: Out = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    store: Store = None,
) -> None:
    """List events of a run, selected by an expression over their columns."""
    with opened(store) as at:
        found = find_run(at.engine, run)
        lineage = lineage_of(at.engine, found, name)
        _warn(at.engine, found, span_of(found, start, stop), "events have their own, and stay")
        condition = to_sql(selection_over(lineage, where))
        names = relations(at.engine, found, span_of(found, start, stop))
        columns = [c for c, kind in lineage.columns.items() if not kind.startswith("Array(U")]
        shown = columns if fmt is Format.PRETTY and not as_json else list(lineage.columns)
        listed = ", ".join(f"`{c}`" for c in shown if c != "word_t" or shown != columns)
        written = at.engine.render(
            f"SELECT {listed} FROM ({names[name]}) WHERE {condition} ORDER BY t LIMIT {limit}",
            _ENGINE_FORMAT[Format.JSON if as_json else fmt],
        )
    write(written, Format.JSON if as_json else fmt, out)


def _warn(engine: Engine, run: Run, span: tuple[int, int] | None, so: str) -> None:
    """Say on standard error that raw words of the range were dropped, if they were."""
    lost = dropped_words(engine, run.run_id, *(span or (-(2**62), 2**62)))
    if lost:
        second = float(run.detector.tick) * 1e-9
        typer.echo(
            f"{lost.words:,} raw words of run {run.run_id} between {lost.a * second:.9g} s and"
            f" {lost.b * second:.9g} s were dropped: {so}",
            err=True,
        )


def write(content: bytes, fmt: Format, out: Path | None) -> None:
    """Write a result to a file or standard output; binary formats never to a terminal."""
    if out is not None:
        try:
            out.write_bytes(content)
        except OSError as fault:
            raise UsageError(f"can't write {out}: {fault.strerror}") from None
        return
    if fmt in (Format.ARROW, Format.PARQUET) and sys.stdout.isatty():
        raise UsageError(f"{fmt} is binary: name a file with --out, or send it on with a pipe")
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()

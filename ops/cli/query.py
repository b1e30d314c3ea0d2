"""``everyhit query`` and ``everyhit events``: answers as tables or files."""

import io
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from sqlglot import exp

from db.catalogue.runs import Run, find_run
from db.engine import Engine
from db.errors import UnknownColumnError, UsageError
from db.json_text import json_text
from db.relations.query import bind, columns_of, fetch_query, fetch_text
from db.relations.relation import Relation
from db.relations.times import with_times
from db.user_sql.confine import UserSelect, confined
from ops.cli import app
from ops.cli.answer import write_answer
from ops.cli.described import described
from ops.cli.dropped import warn_of_dropped
from ops.cli.opening import columns_of as columns_by_name
from ops.cli.opening import opened, span_of
from ops.cli.show import From, RunOption, Store, To, show
from ops.cli.waiting import shown_while_asked
from ops.plain import plain
from software_triggers.task.names import lineage_of, partial, partial_of, relations, selection_over


class Format(StrEnum):
    """How a result is written."""

    PRETTY = "pretty"
    JSON = "json"
    CSV = "csv"
    ARROW = "arrow"
    PARQUET = "parquet"


FormatOption = Annotated[
    Format | None,
    typer.Option("--format", help="How the result is written; default pretty, or as --out ends."),
]
Out = Annotated[
    Path | None, typer.Option("--out", help="Write to this file: .csv, .json, .arrow, .parquet.")
]


@app.command()
def query(
    sql: Annotated[str, typer.Argument(help="One SELECT over hits, words, rates and triggers.")],
    run: RunOption = None,
    start: From = None,
    stop: To = None,
    fmt: FormatOption = None,
    out: Out = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    bare: Annotated[
        bool, typer.Option("--bare", help="Only the columns of the SELECT, in its own order.")
    ] = False,
    store: Store = None,
) -> None:
    """Ask a run in SQL: hits, words, rates, and the committed results of triggers by name.

    SHOW TABLES tells what there is, DESCRIBE hits its columns. Beside t, in ticks since the run's
    start, stand t_s, in seconds, and utc, where it is known when the run began; rows come in order
    of t unless they are asked for in another.
    """
    fmt = _format_of(fmt, out, as_json=as_json)
    with opened(store) as at:
        found = find_run(at.engine, run)
        names = relations(at.engine, found, span_of(found, start, stop))
        if (rows := described(at.engine, sql, names)) is not None:
            if out is not None or fmt not in (Format.PRETTY, Format.JSON):
                raise UsageError("what there is to ask is shown as a table, or with --json")
            show(rows, as_json=fmt is Format.JSON)
            return
        query = confined(at.engine, sql, names)
        if {"hits", "words"} & query.tables:
            warn_of_dropped(
                at.engine, found, span_of(found, start, stop), "they are not in this answer"
            )
        if said := partial_of(at.engine, names, query.tables):
            typer.echo(said, err=True)
        with shown_while_asked(at.engine):
            written = written_as(fmt, at.engine, query, names, found, bare=bare)
    write(written, fmt, out)


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
    fmt: FormatOption = None,
    out: Out = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    store: Store = None,
) -> None:
    """List events of a run, selected by an expression over their columns."""
    fmt = _format_of(fmt, out, as_json=as_json)
    with opened(store) as at:
        found = find_run(at.engine, run)
        a, b = span_of(found, start, stop)
        lineage = lineage_of(at.engine, found, name, span=(a, b))
        warn_of_dropped(at.engine, found, (a, b), "events have their own, and stay")
        if said := partial(at.engine, found, lineage, (a, b)):
            typer.echo(said, err=True)
        shown = list(lineage.columns)
        if fmt is Format.PRETTY:  # without the words
            shown = [
                column
                for column, kind in lineage.columns.items()
                if not kind.startswith("Array(U") and column != "word_t"
            ]
        listed = [exp.column(column, "events", quoted=True) for column in shown]
        tree = exp.select(*listed).from_(exp.to_table("events")).order_by("t").limit(limit)
        query = confined(at.engine, tree.sql(dialect="clickhouse"), ["events"])
        chosen = Relation(name, found, a, b, lineage, where=selection_over(lineage, where))
        with shown_while_asked(at.engine):
            written = written_as(fmt, at.engine, query, {"events": chosen}, found)
    write(written, fmt, out)


def _format_of(fmt: Format | None, out: Path | None, *, as_json: bool) -> Format:
    """Return the format that is asked for, by name or by the file's ending; or raise UsageError."""
    asked = Format.JSON if as_json else fmt
    if out is None or asked not in (None, Format.PRETTY):
        return asked or Format.PRETTY
    ending = out.suffix.lower().removeprefix(".")
    files = [each.value for each in Format if each is not Format.PRETTY]
    if ending not in files or asked is Format.PRETTY:
        raise UsageError(
            f"--out {out}: a file holds the whole result as {', '.join(files)}: name one that ends"
            f" so, or give --format"
        )
    return Format(ending)


def written_as(
    fmt: Format,
    engine: Engine,
    query: UserSelect,
    names: Mapping[str, Relation],
    run: Run,
    *,
    bare: bool = False,
) -> bytes:
    """Return the result of a checked SELECT over relations, as text or as a file's content.

    Unless it is to be ``bare``, seconds and dates stand beside its ``t``, by which it is ordered.
    """
    about = _about(query, names, run)
    if not bare:
        query = with_times(query, _columns(engine, query, names), run)
    if fmt in (Format.ARROW, Format.PARQUET):
        import pyarrow as pa  # these take their time to load
        import pyarrow.parquet as pq

        table, sink = fetch_query(engine, query, names), pa.BufferOutputStream()
        table = table.replace_schema_metadata(about)
        if fmt is Format.PARQUET:
            pq.write_table(table, sink)
        else:
            with pa.ipc.new_file(sink, table.schema) as writer:
                writer.write_table(table)
        return bytes(sink.getvalue())
    if fmt is Format.PRETTY:
        columns, lines = fetch_text(engine, query, names, "TSV")
        return _drawn(columns, [line.split("\t") for line in lines]).encode()
    columns, lines = fetch_text(engine, query, names, _TEXT[fmt])
    if fmt is Format.CSV:
        lines = [",".join('"' + name.replace('"', '""') + '"' for name, _ in columns), *lines]
    return "".join(f"{line}\n" for line in lines).encode()


def _columns(
    engine: Engine, query: UserSelect, names: Mapping[str, Relation]
) -> list[tuple[str, str]]:
    """Return name and type of what a query returns; UsageError says which columns there are."""
    try:
        return columns_of(engine, bind(engine, query, names))
    except UnknownColumnError as fault:
        known = [
            f"{name} have t, {', '.join(columns_by_name(each))}"
            for name, each in names.items()
            if name in query.tables and name != "gaps"
        ]
        raise UsageError("; ".join([str(fault), *known])) from None


def _about(query: UserSelect, names: Mapping[str, Relation], run: Run) -> dict[str, str]:
    """Return what should be known of rows of a run, for a file's metadata."""
    used = [each for name, each in names.items() if name in query.tables]
    lineages = {each.name: each.lineage.lineage for each in used if each.lineage is not None}
    return {
        "run": str(run.run_id),
        "name": run.name,
        "started": run.started_at.isoformat(),
        "tick_ns": str(run.detector.tick),
        "units": json_text({"t": "ticks since the run's start", "t_s": "s", "utc": "UTC"}),
        "detector": run.detector.name,
        "fingerprint": run.detector.fingerprint,
        "lineages": json_text(lineages),
        "query": query.text,
    }


_TEXT = {Format.JSON: "JSONEachRow", Format.CSV: "CSV"}
_WIDEST = 10_000
_NUMBERS = ("Int", "UInt", "Float", "Decimal", "Nullable(")


def _drawn(columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[str]]) -> str:
    """Return a table for people, as wide as its content."""
    table = Table()
    for name, kind in columns:
        right = kind.startswith(_NUMBERS)
        table.add_column(plain(name), justify="right" if right else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(plain("NULL" if cell == "\\N" else cell) for cell in row))
    out = io.StringIO()
    Console(file=out, width=_WIDEST).print(table)
    return out.getvalue() + ("" if rows else "0 rows\n")


def write(content: bytes, fmt: Format, out: Path | None) -> None:
    """Write a result to a file or standard output; binary formats never to a terminal."""
    if out is not None:
        try:
            out.write_bytes(content)
        except OSError as fault:
            if out.is_file():  # what a full disk took of it would pass for the whole
                out.unlink()
            raise UsageError(f"can't write {out}: {fault.strerror}") from None
        return
    if fmt in (Format.ARROW, Format.PARQUET) and sys.stdout.isatty():
        raise UsageError(f"{fmt} is binary: name a file with --out, or send it on with a pipe")
    write_answer(content)

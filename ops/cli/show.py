"""Tables for people, JSON for programs."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from db.json_text import json_text
from ops.cli.answer import write_answer
from ops.plain import plain, visible

Store = Annotated[
    str | None, typer.Option("--store", help="Address or folder of the store.", metavar="URL")
]
Words = Annotated[
    str | None,
    typer.Option(
        "--words",
        help="Home of the words that are written, beside the store: mongodb://user:password@host/db"
        " or s3://key:secret@bucket/prefix.",
        metavar="URL",
    ),
]
MOST_ROWS = 50
Limit = Annotated[int, typer.Option("--limit", min=1, help="Rows to show at most.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
RunOption = Annotated[
    str | None,
    typer.Option("--run", help="Number or name of the run (#7, name:7); default the newest."),
]
From = Annotated[
    str | None,
    typer.Option("--from", help="Ticks, time since the run's start (12.5s), or ISO UTC."),
]
To = Annotated[str | None, typer.Option("--to", help="As --from; the range is half-open.")]


_LEAST_TEXT = 8
"""Characters to which a column of text is folded at most."""


def show(
    rows: Sequence[Mapping[str, Any]],
    *,
    as_json: bool,
    title: str = "",
    where: str = "",
    limit: int | None = None,
) -> None:
    """Print rows with equal keys as a table, or as a JSON array.

    Numbers and headings are never cut: text is folded, and where that is not enough each row is a
    list. Where there are none, a line says of which store, if ``where`` has its address. What is
    beyond the ``limit`` is left out, and a line on standard error says so.
    """
    if limit is not None and len(rows) > limit:
        more = f"{title}: {limit} of {len(rows):,} are shown; --limit {len(rows)} shows all"
        typer.echo(more.removeprefix(": "), err=True)
        rows = rows[:limit]
    if as_json:
        show_json(list(rows))
        return
    console = Console(highlight=False)
    if not rows:
        place = f" in the store {where}" if where else ""
        console.print(plain(f"{title or 'nothing'}: none{place}"))
        return
    columns = {name: [_text(row[name]) for row in rows] for name in rows[0]}
    numeric = {name: _numeric([row[name] for row in rows]) for name in columns}
    widest = {name: max(len(name), *map(len, cells)) for name, cells in columns.items()}
    least = {
        name: widest[name] if numeric[name] else min(max(_LEAST_TEXT, len(name)), widest[name])
        for name in columns
    }
    if sum(least.values()) + 2 * len(least) - 1 > console.width:
        _show_lists(console, columns, title)
        return
    if title:
        console.print(plain(title))
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 0, 0, 1))
    for name in columns:
        table.add_column(
            plain(name),
            justify="right" if numeric[name] else "left",
            overflow="fold",
            min_width=least[name],
        )
    for row in zip(*columns.values(), strict=True):
        table.add_row(*map(plain, row))
    console.print(table)


def _show_lists(console: Console, columns: Mapping[str, Sequence[str]], title: str) -> None:
    """Print each row as lines of name and value."""
    if title:
        console.print(plain(title))
    for row in zip(*columns.values(), strict=True):
        listed = Table.grid(padding=(0, 2))
        for name, value in zip(columns, row, strict=True):
            listed.add_row(plain(name), plain(value))
        listed.columns[1].overflow = "fold"
        console.print(listed)
        console.print()


def show_json(value: object) -> None:
    """Print one JSON value on standard output."""
    write_answer((json_text(value, default=str) + "\n").encode())


def _numeric(values: Sequence[object]) -> bool:
    known = [value for value in values if value is not None]
    return bool(known) and all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in known
    )


def _text(value: object) -> str:
    """Return a value as a cell has it, in characters that a terminal shows."""
    return visible(_of(value), keep="")


def _of(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, Mapping):
        return ", ".join(f"{k}={v}" for k, v in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)

"""Tables for people, JSON for programs."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

Store = Annotated[
    str | None, typer.Option("--store", help="Address or folder of the store.", metavar="URL")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
RunOption = Annotated[
    str | None, typer.Option("--run", help="Number or name of the run; default the newest.")
]
From = Annotated[
    str | None,
    typer.Option("--from", help="Ticks, time since the run's start (12.5s), or ISO UTC."),
]
To = Annotated[str | None, typer.Option("--to", help="As --from; the range is half-open.")]


def show(rows: Sequence[Mapping[str, Any]], *, as_json: bool, title: str = "") -> None:
    """Print rows with equal keys as a table, or as a JSON array."""
    if as_json:
        show_json(list(rows))
        return
    if not rows:
        Console().print(f"{title or 'nothing'}: none")
        return
    table = Table(title=title or None, title_justify="left")
    for name, value in rows[0].items():
        table.add_column(name, justify="right" if isinstance(value, int | float) else "left")
    for row in rows:
        table.add_row(*(_text(value) for value in row.values()))
    Console().print(table)


def show_json(value: object) -> None:
    """Print one JSON value on standard output."""
    sys.stdout.write(json.dumps(value, default=str) + "\n")


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, Mapping):
        return ", ".join(f"{k}={v}" for k, v in value.items())
    return str(value)

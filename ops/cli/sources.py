"""Options of commands that read words, and the addresses at which they listen."""

from typing import Annotated

import typer

from db.errors import UsageError
from readout.source.format import Format

Form = Annotated[
    Format | None,
    typer.Option("--format", help="What the source holds; default: what its times look like."),
]
Tree = Annotated[
    str | None,
    typer.Option(
        "--tree",
        help="Of a file of KM3NeT: L0, L1, L2, SN, events, or a tree's name; default L1, or all"
        " there is.",
    ),
]
Force = Annotated[
    bool, typer.Option("--force", help="Take it as it is, however little it looks like words.")
]


def host_and_port(text: str) -> tuple[str, int]:
    """An address from HOST:PORT; UsageError if it is none."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise UsageError(f"{text!r} is no address: write HOST:PORT, such as 127.0.0.1:7000")
    return host, int(port)

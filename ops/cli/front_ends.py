"""Options of commands that take words from front-ends."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from db.errors import UsageError
from ops.cli.sources import host_and_port
from readout.sources import Address

_LEAST_SPOOL = 100 * 10**6

Tcp = Annotated[list[str] | None, typer.Option("--tcp", help="Take frames of words on HOST:PORT.")]
Udp = Annotated[list[str] | None, typer.Option("--udp", help="Take packets of words on HOST:PORT.")]
Device = Annotated[
    list[str] | None, typer.Option("--device", help="Read a device or pipe: PATH or PATH=LINK.")
]
Board = Annotated[
    str | None,
    typer.Option(
        "--board", help="Registers of the board behind a link, HOST:PORT=LINK: it masks, too."
    ),
]
MustCome = Annotated[
    list[int] | None, typer.Option("--link", help="A link that must come; nothing passes it.")
]
DeadAfter = Annotated[
    float, typer.Option("--dead-after", help="Seconds until a silent link is declared dead.")
]
SpoolBytes = Annotated[
    str, typer.Option("--spool-bytes", help="How much the spool may hold: 500MB, 4GB.")
]


def addresses(given: Sequence[str] | None) -> tuple[Address, ...]:
    """Return what ``HOST:PORT`` texts name; UsageError for one that is none."""
    return tuple(host_and_port(text) for text in given or ())


def devices(given: Sequence[str] | None) -> dict[Path, int]:
    """Return the link of each device that ``PATH`` or ``PATH=LINK`` names."""
    found = {}
    for text in given or ():
        path, _, link = text.partition("=")
        if link and not link.isdecimal():
            raise UsageError(f"--device {text!r}: write PATH or PATH=LINK, such as /dev/xdma0=3")
        found[Path(path)] = int(link or 0)
    return found


def board(given: str | None) -> tuple[Address, int] | None:
    """Return the address and the link that ``HOST:PORT=LINK`` names; UsageError for none."""
    if given is None:
        return None
    address, equals, link = given.partition("=")
    if not equals or not link.isdecimal():
        raise UsageError(f"--board {given!r}: write HOST:PORT=LINK, such as 10.0.0.7:7002=0")
    return host_and_port(address), int(link)


def size_in_bytes(text: str) -> int:
    """Return what a size of a spool means; UsageError for none, or one that is too small."""
    units = {"MB": 10**6, "GB": 10**9, "TB": 10**12}
    number, unit = text[:-2].strip(), text[-2:]
    if unit not in units or not number.isdecimal() or not int(number):
        raise UsageError(f"{text!r} is no size: write 500MB or 4GB")
    if int(number) * units[unit] < _LEAST_SPOOL:
        raise UsageError(
            f"a spool of {text} is too small: give it {_LEAST_SPOOL // 10**6}MB or more"
        )
    return int(number) * units[unit]

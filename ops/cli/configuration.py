"""What a readout, or a board, shall remove: options of commands."""

from typing import Annotated

import typer

from db.errors import UsageError
from readout.control.configuration import Configuration, Prescale

Mask = Annotated[
    list[str] | None, typer.Option("--mask", help="Remove hits of this selection: 'chamber == 2'.")
]
Keep = Annotated[str, typer.Option("--prefilter", help="Keep only hits of this selection.")]
Scale = Annotated[
    list[str] | None, typer.Option("--prescale", help="Keep one in N of a selection: 'N of WHERE'.")
]


def configured(
    masks: list[str] | None, prefilter: str, prescales: list[str] | None
) -> Configuration:
    """The configuration that the options say. Raises UsageError for a prescale that is none."""
    return Configuration(
        tuple(masks or ()), prefilter, tuple(_prescale(text) for text in prescales or ())
    )


def _prescale(text: str) -> Prescale:
    number, of, where = text.partition(" of ")
    if not of or not number.strip().isdecimal():
        raise UsageError(f"--prescale {text!r}: write N of WHERE, such as '10 of chamber == 2'")
    return Prescale(where, int(number))

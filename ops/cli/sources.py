"""Options of commands that read recorded words."""

from typing import Annotated

import typer

from readout.source.open import Format

Form = Annotated[
    Format | None,
    typer.Option("--format", help="What the source holds; default: what its times look like."),
]
Force = Annotated[
    bool, typer.Option("--force", help="Take it as it is, however little it looks like words.")
]

"""What triggers may make the readout do in a run: options of commands."""

from typing import Annotated, Any

import typer

from db.errors import UsageError
from db.time import parse_duration
from readout.control.feedback import Limits, plain

MOST_CHANNELS = 8

Feedback = Annotated[
    list[str] | None,
    typer.Option(
        "--feedback", help="TRIGGER=COLUMNS: mask hits with the values of its rows: n=channel."
    ),
]
FeedbackMost = Annotated[
    int, typer.Option("--feedback-most", help="So many masks of a trigger at a time.")
]
FeedbackFor = Annotated[
    str,
    typer.Option("--feedback-for", help="How long a mask holds; then it may be asked anew."),
]


def feedback_settings(texts: list[str] | None, most: int, holds: str) -> dict[str, Any]:
    """Return what a run's settings say of feedback. Raises UsageError for what makes no sense."""
    limits = {}
    for text in texts or ():
        name, equals, columns = text.partition("=")
        if not equals:
            raise UsageError(f"--feedback {text!r}: write TRIGGER=COLUMNS: noisy_channels=channel")
        for_s = float(parse_duration(holds)) / 1e9
        limits[name] = Limits(tuple(filter(None, columns.split(","))), most, for_s)
    return plain(limits)

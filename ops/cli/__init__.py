"""The command ``everyhit``. A file for each group; users' mistakes end here, as one line."""

import logging
import sys
from collections.abc import Mapping, MutableMapping
from importlib.metadata import version
from typing import Annotated, Any

import structlog
import typer

from db.errors import EveryhitError
from ops.cli.answer import keep_apart
from ops.cli.commands import load
from ops.plain import visible
from ops.settings import settings, trigger_limits
from software_triggers.isolation.limits import set_limits


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("everyhit"))
        raise typer.Exit


app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def everyhit(
    _: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Data acquisition without a trigger: every hit is kept, triggers are queries."""


def main() -> None:
    """Run the command line; a user's mistake is one line on stderr and exit code 1.

    ``ops.cli.outcome`` tells the other codes.
    """
    keep_apart(sys.argv[1:])
    try:
        load(app, sys.argv[1:])
        level = logging.getLevelName(settings().log_level.upper())
        *before, render = structlog.get_config()["processors"]
        structlog.configure(
            processors=[*before, _printed, render],
            wrapper_class=structlog.make_filtering_bound_logger(level),
            logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        )
        set_limits(trigger_limits())
        app()
    except EveryhitError as fault:
        typer.echo(f"everyhit: {visible(str(fault))}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        typer.echo("everyhit: interrupted", err=True)
        sys.exit(130)


def _printed(logger: object, method: str, told: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Let nothing into a log that a terminal would act on; a trace keeps its lines."""
    return {
        key: visible(value, "\n" if key in ("trace", "exception") else "")
        if isinstance(value, str)
        else value
        for key, value in told.items()
    }

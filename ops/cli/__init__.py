"""The command ``everyhit``. A file for each group; users' mistakes end here, as one line."""

import logging
import sys

import structlog
import typer

from db.errors import EveryhitError
from ops.cli.commands import load
from ops.plain import visible
from ops.settings import settings

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def everyhit() -> None:
    """Data acquisition without a trigger: every hit is kept, triggers are queries."""


def main() -> None:
    """Run the command line; a user's mistake is one line on stderr and exit code 1."""
    load(sys.argv[1:])
    try:
        level = logging.getLevelName(settings().log_level.upper())
        structlog.configure(
            wrapper_class=structlog.make_filtering_bound_logger(level),
            logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        )
        app()
    except EveryhitError as fault:
        typer.echo(f"everyhit: {visible(str(fault))}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        typer.echo("everyhit: interrupted", err=True)
        sys.exit(130)

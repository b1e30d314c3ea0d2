"""The command ``everyhit``. A file for each group; users' mistakes end here, as one line."""

import logging
import resource
import sys
from collections.abc import Mapping, MutableMapping
from importlib.metadata import version
from typing import Annotated, Any

import structlog
import typer

from db.errors import EveryhitError, UsageError
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
        _check_address_space()
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


_LEAST_ADDRESSES = 4 << 30
"""Bytes that engine and libraries map, of which they use a tenth. With fewer they end in ways
of their own, before anything of ours can say why."""


def _check_address_space() -> None:
    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    if 0 <= most < _LEAST_ADDRESSES:
        raise UsageError(
            f"the address space is limited to {most >> 10} kB (ulimit -v): the engine needs"
            f" {_LEAST_ADDRESSES >> 10}; to limit memory, use a cgroup (systemd's MemoryMax)"
        )


def _printed(logger: object, method: str, told: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Let nothing into a log that a terminal would act on; a trace keeps its lines."""
    return {
        key: visible(value, "\n" if key in ("trace", "exception") else "")
        if isinstance(value, str)
        else value
        for key, value in told.items()
    }

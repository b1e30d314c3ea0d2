"""Rules by which results are kept as documents in MongoDB."""

from typing import Annotated, Any

import typer

from db.publication.rules import PublicationRule, find_rule, list_rules, set_rule
from db.publication.run_documents import bring_runs
from db.publication.target import check, target_at
from db.words.homes.address import know_homes, redacted_home
from ops.cli import app
from ops.cli.opening import opened
from ops.cli.publish import Events, Names, ToDatabase, named
from ops.cli.show import AsJson, Store, show

publication = typer.Typer(
    help="Results as documents in MongoDB, by rules that stand.", no_args_is_help=True
)
app.add_typer(publication, name="publication")


@publication.command("set")
def set_(
    run_type: Annotated[
        str, typer.Argument(help="A run's setting type, a pattern of run names, or default.")
    ],
    to: ToDatabase,
    events: Events = False,
    trigger: Names = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Keep results of runs of a type in MongoDB as they are committed, and when they change.

    The conductor (or everyhit up) does it. It needs the address with its password in
    EVERYHIT_HOMES.
    """
    names = named(trigger, events=events)
    know_homes([to])
    with opened(store, create=True) as at:
        target = target_at(at.engine, to)
        check(target)
        rule = PublicationRule(run_type, target.address, events, tuple(names))
        set_rule(at.engine, rule)
    show([_line(rule)], as_json=as_json, title="publication")


@publication.command("list")
def list_(store: Store = None, as_json: AsJson = False) -> None:
    """List the rules that hold."""
    with opened(store) as at:
        lines = [_line(rule) for rule in list_rules(at.engine)]
    show(lines, as_json=as_json, title="publication", where=at.url)


@publication.command("drop")
def drop(
    run_type: Annotated[str, typer.Argument(help="As it was set.")],
    to: Annotated[
        str | None, typer.Option("--to", help="Only to this database.", metavar="URL")
    ] = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Take a rule back. The documents stay as they are."""
    with opened(store) as at:
        rule = find_rule(at.engine, run_type, redacted_home(to) if to else None)
        set_rule(at.engine, rule, holds=False)
    show([_line(rule)], as_json=as_json, title="taken back")


@publication.command("runs")
def runs_(to: ToDatabase, store: Store = None, as_json: AsJson = False) -> None:
    """Make the documents of all runs anew, with their fields and tags.

    Where words lie in a MongoDB, or results go there, the conductor keeps them up by itself.
    """
    know_homes([to])
    with opened(store) as at:
        known, changed = bring_runs(at.engine, target_at(at.engine, to))
    show([{"runs": len(known), "changed": changed}], as_json=as_json, title="runs")


def _line(rule: PublicationRule) -> dict[str, Any]:
    line = {"run type": rule.run_type, "to": rule.home, "events": rule.events}
    return line | {"triggers": list(rule.triggers)}

"""Results of a run as documents in MongoDB."""

from typing import Annotated

import typer

from db.catalogue.runs import find_run
from db.errors import UsageError
from db.words.homes.address import know_homes
from ops.cli.opening import opened
from ops.cli.runs import runs
from ops.cli.show import AsJson, Store, show

ToDatabase = Annotated[
    str,
    typer.Option("--to", help="mongodb://user:password@host1,host2/database.", metavar="URL"),
]
Events = Annotated[
    bool, typer.Option("--events", help="Events, and the candidates that they were made of.")
]
Names = Annotated[
    list[str] | None, typer.Option("--trigger", help="Candidates of this trigger; repeatable.")
]


@runs.command("publish")
def publish_(
    which: Annotated[str, typer.Argument(help="Number or name of the run.")],
    to: ToDatabase,
    events: Events = False,
    trigger: Names = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Keep the committed events and candidates of a run as documents in MongoDB, too.

    Done again it writes what changed since, and removes what no longer counts.
    """
    # PyMongo takes half a second to load: other commands of the group do without.
    from db.publication.publish import publish_all
    from db.publication.target import target_at

    names = named(trigger, events=events)
    know_homes([to])
    with opened(store) as at:
        run = find_run(at.engine, which)
        done = publish_all(at.engine, run, target_at(at.engine, to), names, events=events)
    line = {"run": run.run_id, "name": run.name, "windows_written": done.windows}
    line |= {"documents_written": done.documents, "documents_removed": done.removed}
    show([line], as_json=as_json, title="published")
    if done.left:
        typer.echo(f"{done.left} windows change just now: publish again", err=True)


def named(triggers: list[str] | None, *, events: bool) -> list[str]:
    """Return the triggers that are named; UsageError where nothing is to be published."""
    names = [name for text in triggers or () for name in text.split(",") if name]
    if not (events or names):
        raise UsageError("nothing is to be published: write --events, --trigger NAME or both")
    return names

"""Fields and tags of runs: given when one begins, changed later, and who changed them."""

import getpass
import json
import re
import socket
from collections.abc import Sequence
from typing import Annotated

import typer

from db.catalogue.annotations import Edit, Value, annotate, read_history
from db.catalogue.runs import find_run
from db.errors import UsageError
from ops.cli.opening import opened
from ops.cli.runs import runs
from ops.cli.show import AsJson, Store, show

Fields = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help='A field of the run, name=value: a number, true, false, else text ("22" is text).',
    ),
]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="A tag of the run; repeatable.")]

_NUMBER = re.compile(
    r"[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?|nan|inf|infinity)", re.IGNORECASE | re.ASCII
)
_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)


def edit_of(
    fields: Sequence[str] | None,
    tags: Sequence[str] | None,
    unset: Sequence[str] | None = None,
    untag: Sequence[str] | None = None,
) -> Edit:
    """Return what the options say; raises UsageError for what no run may have."""
    given: dict[str, Value] = {}
    for text in fields or ():
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--set {text!r}: write name=value")
        if name in given:
            raise UsageError(f"--set names {name} twice: decide for one value")
        given[name] = _value(value)
    return Edit(given, unset or (), tags or (), untag or ())


def who_asks() -> str:
    """Return who gives this command, and where."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


@runs.command("annotate")
def annotate_(
    which: Annotated[str, typer.Argument(help="Number or name.")],
    fields: Fields = None,
    unset: Annotated[list[str] | None, typer.Option("--unset", help="A field that goes.")] = None,
    tag: Tags = None,
    untag: Annotated[list[str] | None, typer.Option("--untag", help="A tag that goes.")] = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Give a run fields and tags, or take them away; all at once, and nothing is forgotten."""
    edit = edit_of(fields, tag, unset, untag)
    if not edit:
        raise UsageError("nothing is changed: write --set, --unset, --tag or --untag")
    with opened(store) as at:
        run = find_run(at.engine, which)
        now = annotate(at.engine, run.run_id, edit, who_asks())
    line = {"run": run.run_id, "name": run.name, "fields": now.fields, "tags": list(now.tags)}
    show([line], as_json=as_json, title="run")


@runs.command("history")
def history(
    which: Annotated[str | None, typer.Argument(help="Number or name; default the newest.")] = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Show who changed which field or tag of a run when, and what it was before."""
    with opened(store) as at:
        run = find_run(at.engine, which)
        changes = read_history(at.engine, run.run_id)
    lines = [
        {
            "at": f"{change.at:%Y-%m-%d %H:%M:%S}",
            "who": change.who,
            "what": "tag" if change.tag else "field",
            "name": change.name,
            "before": change.before,
            "after": change.after,
        }
        for change in changes
    ]
    show(lines, as_json=as_json, title=f"changes of run {run.run_id}")


def _value(text: str) -> Value:
    """Return the value that a text on the command line stands for."""
    if text in ("true", "false"):
        return text == "true"
    if _WHOLE.fullmatch(text):
        return int(text[:400])
    if _NUMBER.fullmatch(text):
        return float(text)
    if len(text) > 1 and text[0] == text[-1] == '"':
        try:
            quoted = json.loads(text)
        except ValueError:
            return text
        return str(quoted)
    return text

"""The words of a run moved to another home, and back."""

from typing import Annotated

import typer

from db.catalogue.runs import Run, find_run
from db.errors import UsageError
from db.words.homes.address import know_homes, redacted_home
from db.words.homes.moves import Moved, bring_back, lies_in, move_words
from db.words.homes.opening import home_at
from ops.cli.opening import opened
from ops.cli.runs import runs
from ops.cli.show import AsJson, Store, show

Which = Annotated[str, typer.Argument(help="Number or name of the run.")]


@runs.command()
def archive(
    which: Which,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            help="s3://bucket/prefix?endpoint=http://host:port, or mongodb://user:password@host/db.",
        ),
    ],
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Move the words of a run to an object store or MongoDB; triggers and queries read them there.

    Each word is read back and compared before the copy in the store goes.
    """
    address = redacted_home(to)
    know_homes([to])
    with opened(store) as at:
        run = _closed(find_run(at.engine, which))
        home = home_at(at.engine, address)
        home.check()
        moved = move_words(at.engine, run, home)
        _tell(run, moved, lies_in(at.engine, run.run_id), as_json=as_json)


@runs.command()
def restore(which: Which, store: Store = None, as_json: AsJson = False) -> None:
    """Bring the words of a run back into the store."""
    with opened(store) as at:
        run = _closed(find_run(at.engine, which))
        moved = bring_back(at.engine, run)
        _tell(run, moved, lies_in(at.engine, run.run_id), as_json=as_json)


def _closed(run: Run) -> Run:
    if run.state == "open":
        raise UsageError(f"run {run.run_id} takes data: stop it first")
    return run


def _tell(run: Run, moved: Moved, lies: dict[str, int], *, as_json: bool) -> None:
    there = {home or "this store": words for home, words in lies.items()}
    line = {"run": run.run_id, "name": run.name, "moved_chunks": moved.chunks}
    show([line | {"moved_words": moved.words, "words_in": there}], as_json=as_json)

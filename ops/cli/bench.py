import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from db.store import Store as OpenStore
from ops.bench.ingest import ingest as run_ingest
from ops.bench.result import on_one_core, print_result
from ops.cli import app
from ops.cli.opening import opened
from ops.cli.show import AsJson

bench = typer.Typer(help="Speed, measured against peers in the same run.", no_args_is_help=True)
app.add_typer(bench, name="bench")

Hits = Annotated[int, typer.Option("--hits", min=1000, help="How many words to work on.")]
Repeats = Annotated[int, typer.Option("--repeats", min=1, help="Rounds; medians are taken.")]
Store = Annotated[
    str | None,
    typer.Option(
        "--store", help="Where to measure; default a folder that is removed.", metavar="URL"
    ),
]


@bench.command()
def ingest(
    hits: Hits = 10_000_000, repeats: Repeats = 5, store: Store = None, as_json: AsJson = False
) -> None:
    """Write words into the store, against lz4 files from NumPy, on one core."""
    with on_one_core(), _room(store) as at:
        print_result(run_ingest(at.engine, at.folder, hits, repeats), as_json=as_json)


@contextmanager
def _room(store: str | None) -> Iterator[OpenStore]:
    """Open the store that is named, or one in a temporary folder on a disk."""
    if store is not None:
        with opened(store) as at:
            yield at
        return
    on_disk = Path("/var/tmp")  # noqa: S108 - unlike /tmp never in memory
    where = on_disk if on_disk.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="everyhit-bench-", dir=where) as folder:
        with opened(f"{folder}/store") as at:
            yield at

"""``everyhit export``: rows into a file."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO, Annotated

import pyarrow as pa
import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from api.export.batches import Asked, rows_of
from api.export.formats import FORMATS, Format
from api.export.frames import frames_hdf5, pixels_of
from api.export.rows import Rows
from db.catalogue.runs import find_run
from db.errors import UsageError
from ops.cli import app
from ops.cli.dropped import warn_of_dropped
from ops.cli.opening import opened, span_of
from ops.cli.options import RunRange, spread
from ops.cli.show import AsJson, show_json

_ENDINGS = {form.suffix: form for form in FORMATS.values()} | {"hdf5": FORMATS["hdf5"]}


@app.command()
@spread
def export(
    what: Annotated[str, typer.Argument(help="hits, events, or the name of a trigger.")],
    at: RunRange,
    out: Annotated[
        Path, typer.Option("--out", help=f"The file to write: .{', .'.join(_ENDINGS)}.")
    ],
    where: Annotated[
        str, typer.Option("--where", help='A selection over the columns, as "chamber == 2".')
    ] = "",
    columns: Annotated[
        str, typer.Option("--columns", help="Those that are wanted, as t,wire; default all.")
    ] = "",
    lineage: Annotated[
        str | None, typer.Option("--lineage", help="Which results; default those that count.")
    ] = None,
    decode: Annotated[
        bool, typer.Option("--decode", help="Events: what each word means, beside the words.")
    ] = False,
    frames: Annotated[
        str,
        typer.Option(
            "--frames",
            help="Hits of frames as the frames that have some, of so many rows and columns, as"
            " 512x1028; only for .h5.",
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Write hits, events or a trigger's results to a file, in order of time.

    It is read and written piece by piece: memory does not grow with the run. A file appears under
    its name when it is whole.
    """
    form = _ENDINGS.get(out.suffix.lower().removeprefix("."))
    if form is None:
        raise UsageError(f"can't write {out}: a file ends with .{', .'.join(_ENDINGS)}")
    if out.is_dir():
        raise UsageError(f"can't write {out}: it is a folder")
    size = _size(frames)
    if size and (what != "hits" or form is not FORMATS["hdf5"] or columns):
        raise UsageError("--frames is for hits in an HDF5 file, without --columns")
    with opened(at.store) as store:
        found = find_run(store.engine, at.run)
        a, b = span_of(found, at.start, at.stop)
        names = tuple(name for name in columns.split(",") if name)
        if size:
            pixels = pixels_of(found.detector, *size)
            names, form = pixels.columns, replace(form, write=partial(frames_hdf5, pixels=pixels))
        asked = Asked(found, what, a, b, where, lineage, names, decode)
        rows = rows_of(store.engine, asked, out.parent)
        if what == "hits":
            warn_of_dropped(store.engine, found, (a, b), "they are not in this file")
        if "partial" in rows.told:
            typer.echo(rows.told["partial"], err=True)
        n = _write(rows, form, out)
    done = {"run": found.run_id, "rows": n, "bytes": out.stat().st_size, "file": str(out)}
    if as_json:
        show_json(done)
    else:
        typer.echo(f"{n:,} rows of run {found.run_id} in {out}, {done['bytes']:,} bytes")


def _size(text: str) -> tuple[int, int] | None:
    """Rows and columns of a frame, if they are named."""
    if not text:
        return None
    size = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text)
    if size is None:
        raise UsageError(f"--frames {text}: write rows and columns of a frame, as 512x1028")
    return int(size[1]), int(size[2])


def _write(rows: Rows, form: Format, out: Path) -> int:
    """Write all rows to a file and return how many there were; nothing is left of a part."""
    n, part = 0, out.with_name(f"{out.name}.part")
    with _bar() as bar:
        line = bar.add_task("", rows=0)

        def counted() -> Iterator[pa.RecordBatch]:
            nonlocal n
            for batch in rows.batches:
                n += batch.num_rows
                bar.update(line, rows=f"{n:,}")
                yield batch

        with _whole(part, out) as file:
            for piece in form.write(replace(rows, batches=counted())):
                file.write(piece)
    return n


@contextmanager
def _whole(part: Path, out: Path) -> Iterator[IO[bytes]]:
    """A file that gets its name at the end, and is gone if it never comes to that."""
    try:
        with part.open("wb") as file:
            yield file
        part.replace(out)
    except OSError as fault:
        raise UsageError(f"can't write {out}: {fault.strerror}") from None
    finally:
        part.unlink(missing_ok=True)


def _bar() -> Progress:
    parts = (SpinnerColumn(), TextColumn("{task.fields[rows]} rows"), TimeElapsedColumn())
    return Progress(*parts, console=Console(stderr=True), transient=True)

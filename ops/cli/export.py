"""``everyhit export``: rows into a file."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Annotated

import pyarrow as pa
import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from api.export.batches import Asked, rows_of
from api.export.formats import FORMATS, Format
from api.export.frames import as_frames
from api.export.recorded import check_recorded, own_names, write_recorded
from api.export.rows import Rows
from db.catalogue.runs import Run, find_run
from db.engine import Engine
from db.errors import UsageError
from db.words.recorded import recorded_files
from ops.cli import app
from ops.cli.dropped import warn_of_dropped
from ops.cli.opening import opened, span_of
from ops.cli.options import RunRange, spread
from ops.cli.show import AsJson, show_json
from ops.cli.waiting import progress_bars

_ENDINGS = {form.suffix: form for form in FORMATS.values()} | {"hdf5": FORMATS["hdf5"]}


@app.command()
@spread
def export(
    at: RunRange,
    out: Annotated[
        Path, typer.Option("--out", help=f"The file to write: .{', .'.join(_ENDINGS)}.")
    ],
    what: Annotated[str, typer.Argument(help="hits, events, or the name of a trigger.")] = "hits",
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
    as_recorded: Annotated[
        bool,
        typer.Option(
            "--as-recorded",
            help="The file that the run was taken from, byte for byte, or a folder of them, if"
            " ingest --as-recorded took it.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write hits, events or a trigger's results to a file, in order of time.

    It is read and written piece by piece: memory does not grow with the run. A file appears under
    its name when it is whole.
    """
    if as_recorded:
        asked_for = (where, columns, lineage, decode, frames, at.start, at.stop, what != "hits")
        if any(asked_for):
            raise UsageError("--as-recorded gives whole files back: it goes with --run alone")
        _export_recorded(out, at.run, at.store, as_json=as_json)
        return
    form = _ENDINGS.get(out.suffix.lower().removeprefix("."))
    if form is None:
        raise UsageError(f"can't write {out}: a file ends with .{', .'.join(_ENDINGS)}")
    if out.is_dir():
        raise UsageError(f"can't write {out}: it is a folder")
    with opened(at.store) as store:
        found = find_run(store.engine, at.run)
        a, b = span_of(found, at.start, at.stop)
        names = tuple(name for name in columns.split(",") if name)
        if frames:
            names, form = as_frames(found.detector, frames, what, form, columns)
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


def _export_recorded(out: Path, run: str | None, store: str | None, *, as_json: bool) -> None:
    with opened(store) as at:
        found = find_run(at.engine, run)
        files = recorded_files(found)
        check_recorded(at.engine, found)
        if len(files) > 1:
            out.mkdir(exist_ok=True)
        targets = [out] if len(files) == 1 else [out / name for name in own_names(files)]
        _write_recorded(at.engine, found, targets)
    n_bytes = sum(target.stat().st_size for target in targets)
    if as_json:
        show_json({"run": found.run_id, "files": [str(t) for t in targets], "bytes": n_bytes})
    else:
        typer.echo(f"{n_bytes:,} bytes of run {found.run_id} in {', '.join(map(str, targets))}")


def _write_recorded(engine: Engine, run: Run, targets: list[Path]) -> None:
    """Write all files of a run; nothing is left of a part."""
    with ExitStack() as stack:
        parts = [target.with_name(f"{target.name}.part") for target in targets]
        for part, target in zip(parts, targets, strict=True):
            stack.enter_context(_whole(part, target))
        bar = stack.enter_context(_bar())
        line = bar.add_task("", rows=0)
        for n_hits in write_recorded(engine, run, parts):
            bar.update(line, rows=f"{n_hits:,}")


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
    return progress_bars(*parts)

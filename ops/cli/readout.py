import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import platformdirs
import typer

from db.beats import beating
from db.detector import Detector
from db.engine import Engine
from db.errors import EveryhitError, UsageError
from db.hits_view import create_views
from db.moments import duration_ticks
from db.runs import Run, amend_run, close_run, find_run, list_runs, open_run
from ops.cli import app
from ops.cli.opening import detector_named, opened, wanted_triggers
from ops.cli.show import AsJson, Store, show, show_json
from ops.cli.triggers import Params, Triggers
from ops.health import health
from ops.interrupt import interruptible
from ops.readings import readings, trouble
from ops.settings import settings
from readout.intake import Intake
from readout.readout import Readout
from readout.service import serve
from readout.silence import Silence
from readout.source.block import Block
from readout.source.device import read_device
from readout.sources import Sources
from readout.spool.spool import Spool
from readout.unwrap import run_start
from software_triggers.registry import triggers_of_run
from software_triggers.stage import bind

_GIVE_UP_S = 5.0
_LEAST_SPOOL = 100 * 10**6


@app.command()
def readout(
    run: Annotated[str, typer.Option("--run", help="Name of the run; one that is there goes on.")],
    detector: Annotated[str, typer.Option("--detector", help="Name or file of the declaration.")],
    tcp: Annotated[
        list[str] | None, typer.Option("--tcp", help="Take frames of words on HOST:PORT.")
    ] = None,
    udp: Annotated[
        list[str] | None, typer.Option("--udp", help="Take packets of words on HOST:PORT.")
    ] = None,
    device: Annotated[
        list[str] | None, typer.Option("--device", help="Read a device or pipe: PATH or PATH=LINK.")
    ] = None,
    link: Annotated[
        list[int] | None, typer.Option("--link", help="A link that must come; nothing passes it.")
    ] = None,
    dead_after: Annotated[
        float, typer.Option("--dead-after", help="Seconds until a silent link is declared dead.")
    ] = 60.0,
    trigger: Triggers = None,
    param: Params = None,
    events: Annotated[
        str | None, typer.Option("--events", help="Build events of these triggers: tracks,...")
    ] = None,
    spool: Annotated[
        Path | None, typer.Option("--spool", help="Folder for what is not yet stored.")
    ] = None,
    spool_bytes: Annotated[
        str, typer.Option("--spool-bytes", help="How much the spool may hold: 500MB, 4GB.")
    ] = "4GB",
    health_port: Annotated[
        int | None, typer.Option("--health", help="Serve /healthz and /metrics on this port.")
    ] = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Take data as a service that loses nothing: what is acknowledged is on the disk.

    Triggers that are named run on the words as they come: ``everyhit conductor`` sees to it.
    Ends at SIGTERM or Ctrl-C with everything stored or spooled. Exit code 0, or 1 with one line.
    """
    declared = detector_named(detector)
    candidates = events.split(",") if events else []
    wanted = wanted_triggers([*(trigger or []), *(["events"] if events else [])], param or [])
    folder = spool or platformdirs.user_data_path("everyhit") / "spool"
    most_bytes = _bytes(spool_bytes)
    listen = {
        kind: [_address(text) for text in given or []]
        for kind, given in (("tcp", tcp), ("udp", udp))
    }
    if not (tcp or udp or device):
        raise UsageError("there is no source: name --tcp, --udp or --device")
    with ExitStack() as stack:
        wish = stack.enter_context(interruptible())
        at = stack.enter_context(opened(store))
        kept = stack.enter_context(Spool(folder, most_bytes))
        here = _run(at.engine, run, declared)
        if wanted:
            asked = {**here.settings, "triggers": wanted, "events": candidates}
            told_of = replace(here, settings=asked)
            known = triggers_of_run(at.engine, told_of, settings().triggers)
            try:
                # What is wrong with a trigger is told now, not in the log of a conductor.
                bind(at.engine, told_of, known, wanted)
            except EveryhitError:
                close_run(at.engine, here)
                raise
            here = amend_run(at.engine, here, settings=asked)
        create_views(at.engine, declared)
        places = {n: mark.place for n, mark in kept.marks(here.run_id).items()}
        sources = Sources(listen["tcp"], listen["udp"], declared.words_per_hit, places, wish)
        stack.callback(sources.close)
        taking = Readout(
            at.engine,
            here,
            here.settings.get("origin", 0),
            flush_s=settings().flush_s,
            spool=kept,
            give_up_s=_GIVE_UP_S,
            safe=sources.tell_safe,
        )
        silence = Silence(here.run_id, round(1e9 / declared.tick), dead_s=dead_after)
        intake = Intake()
        if health_port is not None:
            told = partial(readings, taking, kept, intake, sources, silence)
            port = stack.enter_context(health(health_port, told, partial(trouble, taking, kept)))
            typer.echo(f"health on port {port}", err=True)
        if "redis" in settings().model_fields_set:
            beats = partial(_told, here.run_id, kept, most_bytes, taking)
            stack.enter_context(beating(settings().redis, "readout", beats))
        try:
            serve(
                taking,
                sources.blocks() | _devices(device or [], declared, wish),
                intake,
                wish,
                silence,
                sources.connected,
                partial(_begin, at.engine, here, taking, link or []),
            )
        finally:
            taking.close()
        close_run(at.engine, find_run(at.engine, here.run_id))
        summary = {
            "run": here.run_id,
            "words": taking.written.hits,
            "lost": sources.lost,
            "spooled": kept.n_waiting,
        }
    if as_json:
        show_json(summary)
    else:
        show([summary], as_json=False, title="stored")


def _told(run_id: int, spool: Spool, most_bytes: int, taking: Readout) -> dict[str, object]:
    """What those who watch for alarms want to know of a readout."""
    return {
        "run": run_id,
        "spool_bytes": spool.n_bytes,
        "most_bytes": most_bytes,
        "oldest_s": spool.oldest_s,
        "trouble": trouble(taking, spool),
    }


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


def _begin(engine: Engine, run: Run, taking: Readout, links: list[int], first: Block) -> None:
    """Let the run begin with its first words, once and for all processes that go on with it."""
    if "origin" not in run.settings:
        taking.origin = 0 if first.epoch is not None else run_start(run.detector, first.words)
        amend_run(engine, run, settings={**run.settings, "origin": taking.origin})
    taking.open_links(links)


def _devices(
    given: list[str], detector: Detector, stop: threading.Event
) -> dict[str, Iterator[Block]]:
    """A source for each PATH or PATH=LINK."""
    sources = {}
    for text in given:
        path, _, link = text.partition("=")
        if link and not link.isdecimal():
            raise UsageError(f"--device {text!r}: write PATH or PATH=LINK, such as /dev/xdma0=3")
        sources[path] = read_device(Path(path), detector, stop, int(link or 0))
    return sources


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
    if int(number) * units[unit] < _LEAST_SPOOL:
        raise UsageError(
            f"a spool of {text} is too small: give it {_LEAST_SPOOL // 10**6}MB or more"
        )
    return int(number) * units[unit]

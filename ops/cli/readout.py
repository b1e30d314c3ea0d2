import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated

import platformdirs
import structlog
import typer

from db.catalogue.heartbeat import beating
from db.catalogue.runs import close_run, find_run
from db.detector import Detector
from db.errors import UsageError
from db.words.shards import catalogue
from ops.cli import app
from ops.cli.opening import detector_named, opened, wanted_triggers
from ops.cli.show import AsJson, Store, show, show_json
from ops.cli.sources import host_and_port
from ops.cli.triggers import Events, Params, Triggers
from ops.services.health import health
from ops.services.interrupt import interruptible
from ops.services.named_run import known_here, named_run, refuse_twin, views, with_triggers
from ops.services.readings import readings, trouble
from ops.settings import settings
from readout.control.agent import ReadoutAgent
from readout.control.mailbox import Mailbox
from readout.intake import Intake
from readout.service import Feed
from readout.source.block import Block
from readout.source.device import read_device
from readout.sources import Sources
from readout.spool.spool import Spool
from readout.writer.recovery import book_damage
from readout.writer.shard_sink import ShardSink

_log = structlog.get_logger()
_GIVE_UP_S = 5.0
_LEAST_SPOOL = 100 * 10**6


@app.command()
def readout(
    detector: Annotated[str, typer.Option("--detector", help="Name or file of the declaration.")],
    run: Annotated[
        str | None,
        typer.Option("--run", help="Name of the run; one that is there goes on. None: see below."),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="For orders; default the machine and the spool.")
    ] = None,
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
    events: Events = None,
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

    Without --run it waits until ``everyhit run start``, or the API, orders it to take a run; words
    that come between runs are dropped and counted.
    Triggers that are named run on the words as they come: ``everyhit conductor`` sees to it.
    Ends at SIGTERM or Ctrl-C with everything stored or spooled. Exit code 0, or 1 with one line.
    """
    declared = detector_named(detector)
    candidates = events.split(",") if events else []
    wanted = wanted_triggers([*(trigger or []), *(["events"] if events else [])], param or [])
    folder = spool or platformdirs.user_data_path("everyhit") / "spool"
    most_bytes = _bytes(spool_bytes)
    listen = {
        kind: [host_and_port(text) for text in given or []]
        for kind, given in (("tcp", tcp), ("udp", udp))
    }
    if not (tcp or udp or device):
        raise UsageError("there is no source: name --tcp, --udp or --device")
    if run is None and wanted:
        raise UsageError("triggers are named when a run is started: leave --trigger out")
    called = name or f"{socket.gethostname()}:{folder.absolute()}"
    with ExitStack() as stack:
        wish = stack.enter_context(interruptible())
        at = stack.enter_context(opened(store, create=True, allow_missing_shards=True))
        kept = stack.enter_context(Spool(folder, most_bytes))
        here, new = known_here(at, kept, run), False
        if here is None and run is not None:
            here, new = named_run(catalogue(at.engine), run, declared, wanted, candidates)
            here = with_triggers(at.engine, here, wanted, candidates)
        views(at.engine, declared)
        newest = kept.newest
        marks = newest.marks if newest else {}
        places = {n: mark.place for n, mark in marks.items()}
        sources = Sources(listen["tcp"], listen["udp"], declared.words_per_hit, places, wish)
        stack.callback(sources.close)
        to_store = ShardSink(at.engine)
        writer = to_store.writer(kept, _GIVE_UP_S, lambda: None)
        stack.callback(writer.close)
        book_damage(kept, to_store, writer)
        mailbox = None
        ordered = run is None or "redis" in settings().model_fields_set
        if ordered:
            refuse_twin(called)
            mailbox = stack.enter_context(Mailbox(settings().redis, called))
        agent = ReadoutAgent(
            at.engine,
            declared,
            kept,
            to_store,
            writer,
            Feed(sources.blocks() | _devices(device or [], declared, wish), Intake(), wish),
            wish,
            at.url,
            mailbox,
            sources.connected,
            sources.tell_safe,
            settings().flush_s,
            dead_after,
        )
        if here is not None:
            agent.begin_alone(here, tuple(link or ()), new=new)
        else:
            agent.resume()
        if health_port is not None:
            told = partial(readings, agent, sources)
            port = stack.enter_context(health(health_port, told, partial(trouble, agent)))
            typer.echo(f"health on port {port}", err=True)
        if ordered:
            beats = partial(_told, called, agent, most_bytes)
            stack.enter_context(beating(settings().redis, "readout", beats))
        agent.serve(once=run is not None)
        writer.close()
        if here is not None:
            close_run(at.engine, find_run(catalogue(at.engine), here.run_id))
        if agent.feed.failures:
            raise agent.feed.failures[0]
        summary = {
            "run": here and here.run_id,
            "words": writer.written.hits,
            "lost": sources.lost,
            "without_run": sum(agent.dropped.values()),
            "spooled": kept.n_waiting,
        }
    if as_json:
        show_json(summary)
    else:
        show([summary], as_json=False, title="stored")


def _told(name: str, agent: ReadoutAgent, most_bytes: int) -> dict[str, object]:
    """What those who order readouts, or watch for alarms, want to know of one."""
    spool, taking = agent.spool, agent.taking
    return {
        "readout": name,
        "detector": agent.detector.name,
        "store": agent.store,
        "run": taking.run.run_id if taking else None,
        "words": agent.writer.written.hits,
        "without_run": sum(agent.dropped.values()),
        "spool_bytes": spool.n_bytes,
        "most_bytes": most_bytes,
        "oldest_s": spool.oldest_s,
        "trouble": trouble(agent),
    }


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

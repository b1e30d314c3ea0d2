"""``everyhit readout``: data taking in front of servers."""

import socket
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated

import platformdirs
import typer

from db.catalogue.annotations import annotate
from db.catalogue.runs import close_run, find_run
from db.errors import UsageError
from db.words.shards import catalogue
from ops.cli import app
from ops.cli.annotations import Fields, Tags, edit_of, who_asks
from ops.cli.declared import detector_named
from ops.cli.front_ends import (
    Board,
    DeadAfter,
    Device,
    MustCome,
    SpoolBytes,
    Tcp,
    Udp,
    addresses,
    board,
    devices,
    size_in_bytes,
)
from ops.cli.opening import opened_to_write, wanted_triggers
from ops.cli.show import AsJson, Store, Words, show, show_json
from ops.cli.triggers import Events, Params, Triggers
from ops.services.front_ends import FrontEnds, readout_service
from ops.services.health import health
from ops.services.interrupt import interruptible
from ops.services.named_run import known_here, named_run, refuse_twin, with_triggers
from ops.services.readings import readings, trouble
from ops.settings import settings
from readout.spool.spool import Spool


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
    tcp: Tcp = None,
    udp: Udp = None,
    device: Device = None,
    board_at: Board = None,
    link: MustCome = None,
    dead_after: DeadAfter = 60.0,
    trigger: Triggers = None,
    param: Params = None,
    events: Events = None,
    fields: Fields = None,
    tag: Tags = None,
    spool: Annotated[
        Path | None, typer.Option("--spool", help="Folder for what is not yet stored.")
    ] = None,
    spool_bytes: SpoolBytes = "4GB",
    health_port: Annotated[
        int | None, typer.Option("--health", help="Serve /healthz and /metrics on this port.")
    ] = None,
    store: Store = None,
    words: Words = None,
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
    most_bytes = size_in_bytes(spool_bytes)
    front_ends = FrontEnds(
        addresses(tcp),
        addresses(udp),
        devices(device),
        board=board(board_at),
        dead_after_s=dead_after,
    )
    if not front_ends:
        raise UsageError("there is no source: name --tcp, --udp or --device")
    if run is None and wanted:
        raise UsageError("triggers are named when a run is started: leave --trigger out")
    annotations = edit_of(fields, tag)
    if annotations and run is None:
        raise UsageError("a run gets --set and --tag when it begins: name it with --run")
    called = name or f"{socket.gethostname()}:{folder.absolute()}"
    ordered = run is None or "redis" in settings().model_fields_set
    redis = settings().redis if ordered else ""
    with ExitStack() as stack:
        wish = stack.enter_context(interruptible())
        at = stack.enter_context(
            opened_to_write(store, words, spooled=True, create=True, allow_missing_shards=True)
        )
        kept = stack.enter_context(Spool(folder, most_bytes))
        here, new = known_here(at, kept, run), False
        if here is None and run is not None:
            here, new = named_run(catalogue(at.engine), run, declared, wanted, candidates)
            here = with_triggers(at.engine, here, wanted, candidates)
            if new:
                annotate(catalogue(at.engine), here.run_id, annotations, who_asks())
        if redis:
            refuse_twin(called)
        service = stack.enter_context(
            readout_service(at, declared, front_ends, kept, wish, name=called, redis=redis)
        )
        agent = service.agent
        if here is not None:
            agent.begin_alone(here, tuple(link or ()), new=new)
        else:
            agent.resume()
        if health_port is not None:
            told = partial(readings, agent, service.sources)
            port = stack.enter_context(health(health_port, told, partial(trouble, agent)))
            typer.echo(f"health on port {port}", err=True)
        service.serve(once=run is not None)
        if here is not None:
            close_run(at.engine, find_run(catalogue(at.engine), here.run_id))
        service.check_sources()
        summary = {
            "run": here and here.run_id,
            "words": agent.writer.written.hits,
            "lost": service.sources.lost,
            "without_run": sum(agent.dropped.values()),
            "spooled": kept.n_waiting,
        }
    if as_json:
        show_json(summary)
    else:
        show([summary], as_json=False, title="stored")

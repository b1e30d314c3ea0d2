"""``everyhit up``: the whole system in one process."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain, takewhile
from pathlib import Path
from typing import Annotated

import typer

from db.catalogue.runs import name_of_file
from db.detector import Detector
from db.errors import SourceError, UsageError
from ops.cli import app
from ops.cli.annotations import Fields, Tags, edit_of, who_asks
from ops.cli.api import Certificate, Host, Key, Port, served_beside, tls_of
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
from ops.cli.outcome import end_with_failures
from ops.cli.show import AsJson, Store, Words, show, show_json
from ops.cli.sources import Force, Form, Tree
from ops.cli.triggers import Events, Params, Triggers
from ops.services.data_taking import WantedRun, data_taking
from ops.services.front_ends import FrontEnds
from ops.services.interrupt import interruptible
from ops.services.one_process import one_process
from ops.services.run_view import RunView
from ops.terminal import live_view
from readout.link.unwrap import run_start
from readout.source.block import Block
from readout.source.open import open_source
from readout.source.pace import paced


@app.command()
def up(
    source: Annotated[
        Path | None, typer.Argument(help="A file or pipe with words, or - for stdin.")
    ] = None,
    detector: Annotated[
        str | None, typer.Option("--detector", help="Name or file of the declaration.")
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
    run: Annotated[
        str | None, typer.Option("--run", help="Name of the run to start at once.")
    ] = None,
    fields: Fields = None,
    tag: Tags = None,
    pace: Annotated[
        float | None, typer.Option("--pace", help="Replay at this multiple of the recorded speed.")
    ] = None,
    form: Form = None,
    tree: Tree = None,
    force: Force = False,
    spool_bytes: SpoolBytes = "4GB",
    host: Host = "127.0.0.1",
    port: Port = 0,
    certificate: Certificate = None,
    key: Key = None,
    store: Store = None,
    words: Words = None,
    as_json: AsJson = False,
) -> None:
    """Be the whole system in one process: readout, store, triggers, alarms, retention, API.

    A file is replayed as one run, with which it ends. Front-ends are listened to until Ctrl-C: runs
    begin and end as ``everyhit run start`` and ``stop``, or the API, order it, or one begins at
    once with --run. Killed, it goes on with the run that was on when it is started again. Without
    any source words are posted.
    """
    front_ends = FrontEnds(
        addresses(tcp),
        addresses(udp),
        devices(device),
        board=board(board_at),
        dead_after_s=dead_after,
    )
    names = [*(trigger or []), *(["events"] if events else [])]
    wanted = wanted_triggers(names, param or [])
    candidates, annotations = tuple(events.split(",")) if events else (), edit_of(fields, tag)
    most_bytes, tls = size_in_bytes(spool_bytes), tls_of(certificate, key)
    if source is not None and front_ends:
        raise UsageError("a file is replayed alone: leave --tcp, --udp and --device out")
    if detector is None and (source is not None or front_ends):
        raise UsageError("whose words are these? Name the declaration with --detector")
    if wanted and source is None and run is None:
        raise UsageError("triggers are named when a run is started: leave --trigger out")
    if annotations and source is None and run is None:
        raise UsageError("a run gets --set and --tag when it begins: name it with --run")
    if run is not None and source is None and not front_ends:
        raise UsageError("there is no source for a run: name a file, --tcp, --udp or --device")
    declared = detector_named(detector) if detector is not None else None
    blocks: Iterator[Block] = iter(())
    if source is not None and declared is not None:
        blocks = open_source(source, declared, force=force, form=form, tree=tree).blocks
    with ExitStack() as stack:
        at = stack.enter_context(opened_to_write(store, words, spooled=True, alone=True))
        wish = stack.enter_context(interruptible())
        process = stack.enter_context(one_process(at))
        stack.enter_context(served_beside(at, port, host, process=process, tls=tls))
        if declared is None or not (source or front_ends):
            wish.wait()
            return
        begin = None
        if source is not None:
            stream = _replay(source, blocks, declared, pace)
            recorded = takewhile(lambda _: not wish.is_set(), stream)
            front_ends = FrontEnds(recorded={str(source): recorded})
        if source is not None or run is not None:
            name = run or name_of_file(source.name if source else "")
            begin = WantedRun(
                name,
                wanted,
                candidates,
                tuple(link or ()),
                goes_on=source is None,
                annotations=annotations,
                who=who_asks(),
            )
        with data_taking(
            process,
            declared,
            front_ends,
            wish,
            name=socket.gethostname(),
            spool_bytes=most_bytes,
            wanted=begin,
            once=source is not None,
        ) as taking:
            for kind, number in taking.service.sources.ports:
                typer.echo(f"listening on {kind} port {number}", err=True)
            with watched(taking.view, quiet=as_json):
                taking.serve()
        summary = taking.view.summary() if source is not None else taking.summary()
        if as_json:
            show_json(summary)
        else:
            show([summary], as_json=False, title="the run")
        if taking.view.run is not None:
            end_with_failures(at.engine, taking.view.run)


def _replay(
    source: Path, blocks: Iterator[Block], detector: Detector, pace: float | None
) -> Iterator[Block]:
    """The words of a file, at its pace if there is one; SourceError when it has none."""
    first = next(blocks, None)
    if first is None:
        raise SourceError(f"there are no words in {source}")
    stream = chain([first], blocks)
    if not pace:
        return stream
    origin = 0 if first.epoch is not None else run_start(detector, first.words)
    return paced(stream, detector, origin, pace)


@contextmanager
def watched(view: RunView, *, quiet: bool) -> Iterator[None]:
    """Draw a run twice a second, beside whoever takes it."""
    if quiet:
        yield
        return
    over = threading.Event()

    def look() -> None:
        with live_view() as draw:
            while not over.wait(0.5):
                draw(view.status())

    thread = threading.Thread(target=look, name="view")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()

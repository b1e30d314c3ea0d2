import threading
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from db.catalogue.runs import name_of_file
from db.errors import SourceError
from ops.cli import app
from ops.cli.api import Port, served_beside
from ops.cli.opening import detector_named, opened, wanted_triggers
from ops.cli.outcome import end_with_failures
from ops.cli.show import AsJson, Store, show, show_json
from ops.cli.sources import Force, Form
from ops.cli.triggers import Events, Params, Triggers
from ops.services.interrupt import interruptible
from ops.services.live_run import LiveRun, live_run
from ops.terminal import live_view
from readout.link.unwrap import run_start
from readout.source.block import Block
from readout.source.open import open_source
from readout.source.pace import paced


@app.command()
def up(
    source: Annotated[Path, typer.Argument(help="A file or pipe with words, or - for stdin.")],
    detector: Annotated[str, typer.Option("--detector", help="Name or file of the declaration.")],
    trigger: Triggers = None,
    param: Params = None,
    events: Events = None,
    run: Annotated[str, typer.Option("--run", help="Name of the new run.")] = "",
    pace: Annotated[
        float | None, typer.Option("--pace", help="Replay at this multiple of the recorded speed.")
    ] = None,
    form: Form = None,
    force: Force = False,
    port: Port = 0,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Take data: store, worker threads and conductor in one process, triggers while words come."""
    declared = detector_named(detector)
    blocks = open_source(source, declared, force=force, form=form).blocks
    candidates = events.split(",") if events else []
    names = [*(trigger or []), *(["events"] if events else [])]
    with (
        opened(store, alone=True) as at,
        interruptible() as wish,
        served_beside(at, port) as served,
    ):
        first = next(blocks, None)
        if first is None:
            raise SourceError(f"there are no words in {source}")
        origin = 0 if first.epoch is not None else run_start(declared, first.words)
        stream: Iterator[Block] = chain([first], blocks)
        if pace:
            stream = paced(stream, declared, origin, pace)
        wanted = wanted_triggers(names, param or [])
        with (
            live_run(
                at,
                declared,
                wanted,
                name=run or name_of_file(source.name),
                events=candidates,
                origin=origin,
            ) as live,
            watched(live, quiet=as_json),
        ):
            served.app_state.jobs.append(live.job)
            for block in stream:
                live.readout.push(block)
                if wish.is_set():
                    break
        summary = live.summary()
        if as_json:
            show_json(summary)
        else:
            show([summary], as_json=False, title="the run")
        end_with_failures(at.engine, live.run)


class watched:  # noqa: N801 - a context manager
    """Draws a live run twice a second, beside whoever pushes words."""

    def __init__(self, live: LiveRun, *, quiet: bool) -> None:
        self._live, self._quiet = live, quiet
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._draw, name="view")

    def __enter__(self) -> None:
        if not self._quiet:
            self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if not self._quiet:
            self._thread.join()

    def _draw(self) -> None:
        with live_view() as draw:
            while not self._stop.wait(0.5):
                draw(self._live.status())

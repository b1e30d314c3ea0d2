"""``everyhit demo``: the simulated telescope, live."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

import platformdirs
import typer

from db.detector import Detector
from ops.cli import app
from ops.cli.api import Port, served_beside
from ops.cli.declared import detector_named
from ops.cli.fpga import hardware_extra
from ops.cli.opening import opened
from ops.cli.outcome import end_with_failures
from ops.cli.show import AsJson, Store, show, show_json
from ops.demo import demo as telescope
from ops.demo.telescope import over_tcp
from ops.services.front_ends import FrontEnds
from ops.services.interrupt import interruptible
from ops.services.one_process import one_process
from ops.terminal import live_view
from readout.control.configuration import Configuration
from readout.simulator.conditions import NAMED

if TYPE_CHECKING:
    from ops.demo.board import Line

Named = Literal["ideal", "real"]


@app.command()
def demo(
    duration: Annotated[
        float | None, typer.Option("--duration", min=0.1, help="Seconds; default until Ctrl-C.")
    ] = None,
    muons: Annotated[
        float, typer.Option("--muons", min=1, help="Muons a second through the telescope.")
    ] = 2000.0,
    under: Annotated[
        Named, typer.Option("--conditions", help="How good the simulated chambers are.")
    ] = "ideal",
    noise: Annotated[
        float | None,
        typer.Option(
            "--noise", min=0, max=0.9, help="Share of noise among the hits: 0.05, 0.1 if real."
        ),
    ] = None,
    extra: Annotated[
        float, typer.Option("--noise-rate", min=0, help="Noise hits a second on top of it.")
    ] = 0.0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Equal seeds give equal words.")] = 1,
    detector: Annotated[
        str, typer.Option("--detector", help="A declaration of drift tubes.")
    ] = "drift_tubes_v2",
    board: Annotated[
        bool, typer.Option("--board", help="Read it out through the simulated board, over UDP.")
    ] = False,
    loss: Annotated[
        float, typer.Option("--loss", min=0, max=0.99, help="Of the board's packets.")
    ] = 0.01,
    swap: Annotated[
        float, typer.Option("--swap", min=0, max=0.99, help="Packets that the next overtakes.")
    ] = 0.05,
    port: Port = 0,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Take data with the simulated telescope, run triggers on it, and show it live.

    Runs can be ended and begun as ``everyhit up`` takes orders. With --board all words come through
    the board's simulation and a network that loses packets and turns their order around; masks and
    prescales of ``everyhit run configure`` are the board's. The summary tells what became of every
    word of the last run.
    """
    conditions = replace(NAMED[under], muon_rate_hz=muons, noise_rate_hz=extra)
    if noise is not None:
        conditions = replace(conditions, noise_fraction=noise)
    if board:
        conditions = replace(conditions, segment_words=False)
    declared = detector_named(detector)
    where = store or str(platformdirs.user_data_path("everyhit") / "demo")
    with ExitStack() as stack:
        at = stack.enter_context(opened(where, alone=True))
        wish = stack.enter_context(interruptible())
        process = stack.enter_context(one_process(at))
        stack.enter_context(served_beside(at, port, process=process))
        front_ends, sending, line = telescope.TCP, over_tcp, None
        if board:
            line = stack.enter_context(_board(declared, loss, swap, seed))
            sending = line.over_udp
            front_ends = FrontEnds(udp=(("127.0.0.1", 0),), board=(line.board.address, 0))
        with telescope.demo(
            process, declared, conditions, seed, duration, wish, front_ends, sending
        ) as going:
            stop = threading.Event()
            watcher = threading.Thread(target=_watch, args=(going, stop, as_json), name="view")
            watcher.start()
            try:
                going.serve()
            finally:
                stop.set()
                watcher.join()
            if wish.is_set():
                typer.echo("ending the run: the last windows are worked on ...", err=True)
        summary, run = going.summary(), going.taking.view.run
        if line is not None and run is not None:
            summary |= line.account(at.engine, run)
        if as_json:
            show_json(summary)
        else:
            show([summary], as_json=False, title="the run")
            typer.echo(f"the store is {where}; look around: everyhit run show --store {where}")
        if run is not None:
            end_with_failures(at.engine, run)


@contextmanager
def _board(detector: Detector, loss: float, swap: float, seed: int) -> Iterator["Line"]:
    """The simulated board, open, with its network."""
    with hardware_extra():
        from ops.demo.board import Line, simulated_board
    with simulated_board(detector, Configuration()) as board:
        yield Line(detector, board, loss, swap, seed)


def _watch(going: telescope.Demo, stop: threading.Event, quiet: bool) -> None:
    """Draw twice a second until told to stop."""
    if quiet:
        while not stop.wait(1.0):
            going.compare()
        return
    with live_view() as draw:
        while not stop.wait(0.5):
            going.compare()
            draw(going.taking.view.status(going.quality()))

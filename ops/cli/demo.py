"""``everyhit demo``: the simulated telescope, live."""

import threading
from contextlib import ExitStack
from dataclasses import replace
from typing import Annotated, Literal

import platformdirs
import typer

from ops.cli import app
from ops.cli.api import Port, served_beside
from ops.cli.opening import detector_named, opened
from ops.cli.outcome import end_with_failures
from ops.cli.show import AsJson, Store, show, show_json
from ops.demo import demo as telescope
from ops.services.interrupt import interruptible
from ops.services.one_process import one_process
from ops.terminal import live_view
from readout.simulator.conditions import NAMED

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
    port: Port = 0,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Take data with the simulated telescope, run triggers on it, and show it live.

    Runs can be ended and begun as ``everyhit up`` takes orders.
    """
    conditions = replace(NAMED[under], muon_rate_hz=muons, noise_rate_hz=extra)
    if noise is not None:
        conditions = replace(conditions, noise_fraction=noise)
    declared = detector_named(detector)
    where = store or str(platformdirs.user_data_path("everyhit") / "demo")
    with ExitStack() as stack:
        at = stack.enter_context(opened(where, alone=True))
        wish = stack.enter_context(interruptible())
        process = stack.enter_context(one_process(at))
        stack.enter_context(served_beside(at, port, process=process))
        with telescope.demo(process, declared, conditions, seed, duration, wish) as going:
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
        summary = going.summary()
        if as_json:
            show_json(summary)
        else:
            show([summary], as_json=False, title="the run")
            typer.echo(f"the store is {where}; look around: everyhit run show --store {where}")
        if going.taking.view.run is not None:
            end_with_failures(at.engine, going.taking.view.run)


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

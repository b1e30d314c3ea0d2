"""Hardware. What makes it is imported by the commands: Amaranth is an extra."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from db.errors import UsageError
from ops.cli import app
from ops.cli.configuration import Keep, Mask, Scale, configured
from ops.cli.declared import detector_named
from ops.cli.show import AsJson, show
from ops.cli.sources import host_and_port
from readout.simulator.conditions import Conditions
from readout.simulator.live import live

hardware = typer.Typer(help="Selections as hardware for an FPGA.", no_args_is_help=True)
app.add_typer(hardware, name="fpga")

Selection = Annotated[str, typer.Argument(help="Sound hits that don't meet it are removed.")]
DetectorOption = Annotated[str, typer.Option("--detector", help="Name or file of the declaration.")]


_RATES, _MUONS = (1000.0, 1.5e6), 6000


@hardware.command("build")
def build(
    selection: Selection,
    detector: DetectorOption = "drift_tubes_v2",
    out: Annotated[
        Path | None, typer.Option("--out", help="The file to write; default standard output.")
    ] = None,
) -> None:
    """Write a filter on hits, one a clock with valid and ready, as a Verilog module."""
    declared = detector_named(detector)
    with hardware_extra():
        from fpga.selection.condition import prefilter
        from fpga.selection.filter import Filter
        from fpga.synthesis.yosys import verilog
    text = verilog(Filter(declared, prefilter(declared, selection)), "hit_filter")
    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        out.write_text(text)
    except OSError as fault:
        raise UsageError(f"can't write {out}: {fault.strerror}") from None


@hardware.command("report")
def report(
    selection: Annotated[str | None, typer.Argument(help="Of a filter; left out for none.")] = None,
    chamber: Annotated[
        int | None, typer.Option("--chamber", help="Tell of this chamber's segment finder, too.")
    ] = None,
    detector: DetectorOption = "drift_tubes_v2",
    aim: Annotated[
        float, typer.Option("--aim", min=1.0, help="The clock to place for, in MHz.")
    ] = 150.0,
    published: Annotated[
        bool,
        typer.Option("--published", help="Put the finder beside published ones, with sources."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Tell the cells of hardware on ECP5 and Xilinx series 7, and its clock on an ECP5-85.

    All ports are registered for the clock. There is no figure for a Xilinx clock without the
    vendor's own tools.
    """
    if published and chamber is None:
        raise UsageError("a finder is put beside others: name its --chamber, too")
    if selection is None and chamber is None:
        raise UsageError("give a selection, or --chamber, or both")
    declared = detector_named(detector)
    with hardware_extra():
        from fpga.segments.chamber import chamber_of
        from fpga.segments.finder import LATENCY, Finder
        from fpga.selection.condition import prefilter
        from fpga.selection.filter import LATENCY as OF_FILTER
        from fpga.selection.filter import Filter
        from fpga.synthesis.report import reported
    rows = []
    if selection is not None:
        keep = prefilter(declared, selection)
        rows.append(reported("filter", OF_FILTER, lambda: Filter(declared, keep), aim))
    if chamber is not None:
        geometry = chamber_of(declared, chamber)
        rows.append(reported("segment finder", LATENCY, lambda: Finder(geometry), aim))
    if published:
        from fpga.synthesis.published import PUBLISHED, beside
        from ops.bench.segments import compare

        found = {rate: compare(declared, rate, _MUONS, 1)[0] for rate in _RATES}
        share = {rate: float(str(row["efficiency_3_ns"])) for rate, row in found.items()}
        rows = [vars(each) for each in (beside(rows[-1], share), *PUBLISHED)]
    show(rows, as_json=as_json)


@hardware.command("simulate")
def simulate(
    udp: Annotated[str, typer.Option("--udp", help="Where a readout listens: HOST:PORT.")],
    muons: Annotated[float, typer.Option("--muons", min=0.0, help="A second.")] = 1000.0,
    duration: Annotated[
        float, typer.Option("--duration", min=0.02, help="Of the run, in s.")
    ] = 1.0,
    loss: Annotated[float, typer.Option("--loss", min=0.0, max=0.99, help="Of packets.")] = 0.0,
    swap: Annotated[
        float, typer.Option("--swap", min=0.0, max=0.99, help="Packets that the next overtakes.")
    ] = 0.0,
    mask: Mask = None,
    prefilter: Keep = "",
    prescale: Scale = None,
    chamber: Annotated[
        list[int] | None, typer.Option("--chamber", help="Find segments in this one on the board.")
    ] = None,
    registers: Annotated[
        str | None,
        typer.Option(
            "--registers", help="Answer 'everyhit readout --board' here, and go as fast as time."
        ),
    ] = None,
    detector: DetectorOption = "drift_tubes_v2",
    seed: Annotated[int, typer.Option("--seed", min=0)] = 1,
    as_json: AsJson = False,
) -> None:
    """Send simulated particles through the simulated board to ``everyhit readout --udp``.

    The board masks and prescales whole channels. Without a C++ compiler it is some hundred times
    slower. Ends with what the board counted and the network lost.
    """
    declared, address = detector_named(detector), host_and_port(udp)
    at = host_and_port(registers) if registers else ("127.0.0.1", 0)
    with hardware_extra():
        from fpga.board.network import Network
        from ops.demo.board import send, simulated_board
    conditions = Conditions(muon_rate_hz=muons, segment_words=False)
    speed = 1.0 if registers else float("inf")
    slices = live(declared, conditions, seed, duration_s=duration, speed=speed)
    network = Network(address, loss, swap, seed)
    told = configured(mask, prefilter, prescale)
    with simulated_board(declared, told, chambers=chamber or (), registers=at) as board:
        typer.echo(f"registers on port {board.address[1]}", err=True)
        counted = send(declared, slices, board, network)
    network.close()
    show([counted], as_json=as_json)


@hardware.command("segments")
def segments(
    rates: Annotated[
        list[float] | None,
        typer.Option("--muons", min=1.0, help="Muons a second; default 1000 and 1500000."),
    ] = None,
    count: Annotated[int, typer.Option("--count", min=1, help="Muons at each rate.")] = _MUONS,
    detector: DetectorOption = "drift_tubes_v2",
    seed: Annotated[int, typer.Option("--seed", min=0)] = 1,
    as_json: AsJson = False,
) -> None:
    """Compare the segment finder of the FPGA with the software's on the same simulated words."""
    declared = detector_named(detector)
    with hardware_extra():
        from ops.bench.segments import compare
    rows = [row for rate in rates or _RATES for row in compare(declared, rate, count, seed)]
    show(rows, as_json=as_json, title="segments of chambers with four hits")


@contextmanager
def hardware_extra() -> Iterator[None]:
    """Say in one line what to install where Amaranth is missing."""
    try:
        yield
    except ImportError as fault:
        raise UsageError(f"hardware needs {fault.name}: pip install 'everyhit[fpga]'") from None

"""Hardware. What makes it is imported by the commands: Amaranth is an extra."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from db.errors import UsageError
from ops.cli import app
from ops.cli.opening import detector_named
from ops.cli.show import AsJson, show

hardware = typer.Typer(help="Selections as hardware for an FPGA.", no_args_is_help=True)
app.add_typer(hardware, name="fpga")

Selection = Annotated[str, typer.Argument(help="Sound hits that don't meet it are removed.")]
DetectorOption = Annotated[str, typer.Option("--detector", help="Name or file of the declaration.")]


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
    with _extra():
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
    selection: Selection,
    detector: DetectorOption = "drift_tubes_v2",
    aim: Annotated[
        float, typer.Option("--aim", min=1.0, help="The clock to place for, in MHz.")
    ] = 150.0,
    as_json: AsJson = False,
) -> None:
    """Tell the cells of such a filter on ECP5 and Xilinx series 7, and its clock on an ECP5-85.

    All ports are registered for the clock. There is no figure for a Xilinx clock without the
    vendor's own tools.
    """
    declared = detector_named(detector)
    with _extra():
        from fpga.selection.condition import prefilter
        from fpga.selection.filter import Filter
        from fpga.synthesis.report import reported
    keep = prefilter(declared, selection)
    row = reported("filter", lambda: Filter(declared, keep), aim)
    show([row], as_json=as_json, title=selection)


@contextmanager
def _extra() -> Iterator[None]:
    try:
        yield
    except ImportError as fault:
        raise UsageError(f"hardware needs {fault.name}: pip install 'everyhit[fpga]'") from None

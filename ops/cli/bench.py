"""``everyhit bench``: the options of benchmarks, which lie in ``ops.bench``."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from db.store import Store as OpenStore
from db.store import store_folder
from ops.bench.api import api as run_api
from ops.bench.api import print_outcome
from ops.bench.chain import chain as run_chain
from ops.bench.cluster import Sizes, cluster_cells, print_cells
from ops.bench.cost import cost as run_cost
from ops.bench.ingest import ingest as run_ingest
from ops.bench.latency import latency as run_latency
from ops.bench.loop import loop as run_loop
from ops.bench.process import process as run_process
from ops.bench.readout import print_spans
from ops.bench.readout import readout as run_readout
from ops.bench.result import on_one_core, print_result
from ops.bench.scan import scan as run_scan
from ops.bench.servers import ingest_servers, on_disk, own_servers, pids_of
from ops.cli import app
from ops.cli.opening import opened
from ops.cli.show import AsJson, show

bench = typer.Typer(help="Speed, measured against peers in the same run.", no_args_is_help=True)
app.add_typer(bench, name="bench")

Hits = Annotated[int, typer.Option("--hits", min=1000, help="How many words to work on.")]
Repeats = Annotated[int, typer.Option("--repeats", min=1, help="Rounds; medians are taken.")]
Store = Annotated[
    str | None,
    typer.Option("--store", help="A store to measure in; default a folder that is removed."),
]


class Transport(StrEnum):
    """What carries words to the store."""

    CHDB = "chdb"
    CLICKHOUSE = "clickhouse"


class Finds(StrEnum):
    """What sees that a channel rings."""

    HITS = "ringing_channels"
    RATES = "noisy_channels"


@bench.command()
def ingest(
    hits: Hits = 10_000_000,
    repeats: Repeats = 5,
    transport: Annotated[
        Transport, typer.Option("--transport", help="Embedded engine, or servers of our own.")
    ] = Transport.CHDB,
    shards: Annotated[int, typer.Option("--shards", min=1, help="How many servers.")] = 1,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Write words into the store, against lz4 files from NumPy, on one core.

    With --transport clickhouse: into servers that are started for it, all on this machine's cores,
    against their own INSERT SELECT of the same blocks.
    """
    if transport is Transport.CLICKHOUSE:
        with own_servers(shards) as (engine, servers):
            print_result(ingest_servers(engine, servers, hits, repeats), as_json=as_json)
        return
    with on_one_core(), _room(store) as at:
        print_result(run_ingest(at.engine, at.folder, hits, repeats), as_json=as_json)


@bench.command()
def process(
    hits: Hits = 10_000_000, repeats: Repeats = 5, store: Store = None, as_json: AsJson = False
) -> None:
    """Unpack, count and cluster stored words into results, against Dask and NumPy, on one core."""
    with on_one_core(), _room(store) as at:
        print_result(run_process(at.engine, at.folder, hits, repeats), as_json=as_json)


@bench.command()
def chain(
    hits: Hits = 5_000_000, repeats: Repeats = 5, store: Store = None, as_json: AsJson = False
) -> None:
    """Run the demo's triggers over stored words, up to the ledger, on one core."""
    with on_one_core(), _room(store) as at:
        print_result(run_chain(at.engine, hits, repeats), as_json=as_json)


@bench.command()
def scan(
    hits: Hits = 10_000_000, repeats: Repeats = 5, store: Store = None, as_json: AsJson = False
) -> None:
    """Count each channel of a whole run, against NumPy on a mapped file, on one core."""
    with on_one_core(), _room(store) as at:
        print_result(run_scan(at.engine, at.folder, hits, repeats), as_json=as_json)


@bench.command()
def latency(
    rate: Annotated[float, typer.Option("--rate", min=1000, help="Words a second.")] = 1e6,
    seconds: Annotated[float, typer.Option("--seconds", min=0.5, help="Of data.")] = 10.0,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Take data and run triggers; how long after its words is an event there?"""
    with _room(store) as at:
        print_result(run_latency(at, rate, seconds), as_json=as_json)


@bench.command()
def loop(
    rounds: Annotated[
        int, typer.Option("--rounds", min=1, max=64, help="Channels that ring, one by one.")
    ] = 50,
    ring: Annotated[
        float, typer.Option("--ring", min=200_000, help="Hits a second of each.")
    ] = 2e6,
    trigger: Annotated[
        Finds, typer.Option("--trigger", help="Which finds them: by the hits, or by the rates.")
    ] = Finds.RATES,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Let channels ring until feedback masks them; how long after the first hit does it hold?"""
    with _room(store) as at:
        show([run_loop(at, rounds, ring, trigger.value)], as_json=as_json, title="the closed loop")


@bench.command()
def cost(
    hits: Hits = 10_000_000, repeats: Repeats = 15, store: Store = None, as_json: AsJson = False
) -> None:
    """Process one window with little and with a hundred times more stored around it.

    A --store names a folder here, in which two stores are made.
    """
    with _folder() if store is None else _made(store) as folder:
        print_result(run_cost(folder, hits, repeats), as_json=as_json)


@bench.command()
def cluster(
    shards: Annotated[
        list[int] | None, typer.Option("--shards", min=1, help="Servers; default 1, 2 and 4.")
    ] = None,
    workers: Annotated[
        list[int] | None, typer.Option("--workers", min=1, help="Processes; default 1 and 2.")
    ] = None,
    hits: Hits = 6_000_000,
    rate: Annotated[
        float, typer.Option("--rate", min=1000, help="Words a second for the latency.")
    ] = 50_000.0,
    seconds: Annotated[float, typer.Option("--seconds", min=0.5, help="Of these.")] = 6.0,
    limit: Annotated[
        float, typer.Option("--limit", help="Seconds after which nothing more is begun.")
    ] = 300.0,
    as_json: AsJson = False,
) -> None:
    """Start servers, Redis, workers, conductor and readout on this machine, and measure them.

    For each number of shards and workers: words stored a second; words a second through the demo's
    triggers; from hit to committed event; one window with 1 and 100 times as much stored.
    """
    sizes = Sizes(words=hits, rate=rate, seconds=seconds, cost_words=2 * hits // 3)
    say = partial(typer.echo, err=True)
    cells = cluster_cells(shards or [1, 2, 4], workers or [1, 2], sizes, say, limit)
    print_cells(cells, as_json=as_json)


@bench.command()
def readout(
    links: Annotated[int, typer.Option("--links", min=1, help="Connections, one a link.")] = 64,
    rate: Annotated[
        float, typer.Option("--rate", min=0, help="Words a second in all; 0 leaves this out.")
    ] = 5e6,
    trigger_rate: Annotated[
        float, typer.Option("--trigger-rate", min=0, help="The same while triggers run.")
    ] = 3e5,
    seconds: Annotated[float, typer.Option("--seconds", min=1, help="At each rate.")] = 20.0,
    every: Annotated[
        float, typer.Option("--every", min=0.05, help="Seconds between looks at the memory.")
    ] = 2.0,
    shards: Annotated[int, typer.Option("--shards", min=1, help="How many servers.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Take words of many links into servers, then with triggers on them: memory and CPU over time.

    Every part is a process of its own on this machine. Memory is flat when its slope is near 0 in
    a run of some minutes: --seconds 600.
    """
    print_spans(run_readout(links, rate, trigger_rate, seconds, shards, every), as_json=as_json)


@bench.command()
def api(
    rate: Annotated[float, typer.Option("--rate", min=1000, help="Words a second.")] = 1e6,
    seconds: Annotated[float, typer.Option("--seconds", min=0.5, help="Of each phase.")] = 8.0,
    rounds: Annotated[
        int, typer.Option("--rounds", min=1, help="Pairs of a phase without and one with load.")
    ] = 2,
    subscribers: Annotated[int, typer.Option("--subscribers", min=1)] = 200,
    queries: Annotated[float, typer.Option("--queries", min=0.1, help="A second.")] = 50.0,
    transport: Annotated[
        Transport, typer.Option("--transport", help="Embedded engine, or a server of our own.")
    ] = Transport.CHDB,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Take words while many listen and ask through the API, which is in the same process.

    Who listens and asks is a process of its own. Phases with and without it take turns.
    """
    told = (rate, seconds, rounds, subscribers, queries)
    if transport is Transport.CLICKHOUSE:
        with _folder() as folder, own_servers(1) as (engine, servers):
            at = OpenStore(str(engine.address), folder, engine, owned=False)
            print_outcome(run_api(at, pids_of(servers), *told), as_json=as_json)
        return
    with _room(store) as at:
        print_outcome(run_api(at, {}, *told), as_json=as_json)


@bench.command()
def page(
    hits: Hits = 100_000_000,
    seconds: Annotated[
        float, typer.Option("--seconds", min=1, help="For which the history is looked at.")
    ] = 60.0,
    pace: Annotated[
        float,
        typer.Option(
            "--pace",
            min=1,
            max=100,
            help="Updates of the history a second: 10 are shown; more make hours pass sooner.",
        ),
    ] = 10.0,
    pages: Annotated[int, typer.Option("--pages", min=1, help="Open at once.")] = 50,
    rounds: Annotated[
        int, typer.Option("--rounds", min=1, help="Pairs of a phase without and one with pages.")
    ] = 2,
    phase: Annotated[float, typer.Option("--phase", min=1, help="Seconds of each phase.")] = 15.0,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Look at the page in a chromium: first paint, frames, clicks, and what many pages cost.

    The browser is on this machine, at the lowest claim to its processor. Needs playwright.
    """
    from ops.bench.page import page as run_page  # the only one that needs a browser
    from ops.bench.page import print_outcome as print_page

    with _room(store) as at:
        print_page(run_page(at, hits, seconds, pace, pages, rounds, phase), as_json=as_json)


@bench.command()
def homes(
    homes_: Annotated[
        list[str] | None,
        typer.Option("--home", help="Address of a home; default servers of our own, if installed."),
    ] = None,
    hits: Hits = 4_000_000,
    windows: Annotated[
        int, typer.Option("--windows", min=1, help="Into how many windows the run is cut.")
    ] = 20,
    repeats: Repeats = 3,
    as_json: AsJson = False,
) -> None:
    """Write a run to each home of words and read windows of it, against plain NumPy files.

    Homes are the store's own table and those that are named. What was put there is removed.
    """
    from ops.bench.homes import homes as run_homes
    from ops.bench.homes import own_homes

    with ExitStack() as stack:
        folder = stack.enter_context(_folder())
        urls = homes_ or own_homes(folder, stack, partial(typer.echo, err=True))
        at = stack.enter_context(opened(str(folder / "store"), create=True))
        rows = [vars(each) for each in run_homes(at.engine, folder, urls, hits, windows, repeats)]
    show(rows, as_json=as_json, title=f"{hits:,} words, {windows} windows")


@bench.command()
def export(hits: Hits = 8_000_000, store: Store = None, as_json: AsJson = False) -> None:
    """Export a run over HTTP in each format; how fast, and does memory grow with the run?

    A --store names a folder here, in which a store is made.
    """
    from ops.bench.export import export as run_export  # takes a second: it brings the server

    with _folder() if store is None else _made(store) as folder:
        rows = [each.as_row() for each in run_export(folder / "store", hits)]
    show(rows, as_json=as_json, title=f"{hits:,} hits over HTTP; a quarter of them for comparison")


@bench.command()
def tables(
    rows: Annotated[
        int, typer.Option("--rows", min=40_000, help="How many rows a file has.")
    ] = 10_000_000,
    as_json: AsJson = False,
) -> None:
    """Take CSV and Parquet files of any size: how fast, beside Polars, and does memory grow?"""
    from ops.bench.tables import tables as run_tables

    with _folder() as folder:
        found = [each.as_row() for each in run_tables(folder, rows)]
    show(found, as_json=as_json, title=f"{rows:,} rows into a store; a quarter for comparison")


@contextmanager
def _room(store: str | None) -> Iterator[OpenStore]:
    """Open the store that is named, or one in a temporary folder."""
    if store is not None:
        with opened(store, create=True) as at:
            yield at
        return
    with _folder() as folder, opened(str(folder / "store"), create=True) as at:
        yield at


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="everyhit-bench-", dir=on_disk()) as folder:
        yield Path(folder)


@contextmanager
def _made(store: str) -> Iterator[Path]:
    folder = store_folder(store)
    folder.mkdir(parents=True, exist_ok=True)
    yield folder

"""A readout with many links, and a worker behind it, over time: how much memory, how much CPU."""

import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from db.catalogue.runs import Run, open_run
from db.detector import load
from db.engine import Engine
from db.engine.address import parse_address
from db.engine.server import connect
from db.errors import StoreError
from db.results.totals import result_totals
from db.time import duration_ticks
from db.words.totals import extent, link_totals
from ops.bench.links import links, spacing_ns
from ops.bench.machine import CORES, Pids, spent
from ops.bench.memory import Memory, memory, watched
from ops.bench.servers import on_disk
from ops.chaos.cluster import Cluster, cluster
from ops.chaos.numbered import write_files
from ops.cli.show import show, show_json
from ops.servers.ports import free_port

_PATIENCE_S = 30.0
TRIGGERS = ("each_of_many", "neighbours", "read_here")
_READ_HERE = '''\
import polars as pl

from software_triggers.trigger import trigger


@trigger(reach="1 us")
def read_here(hits: pl.DataFrame, spacing: int | str = "4 us") -> pl.DataFrame:
    """Every thousandth word of each link, found in the worker: all hits come there."""
    return hits.filter(pl.col("t") % (1000 * spacing) == 0).select("t", "link")
'''


@dataclass(frozen=True)
class Span:
    """What was seen while words came at one rate."""

    name: str
    asked_per_s: int
    sent_per_s: int
    stored_per_s: int
    """Words that the shards took a second, from the first ones until all were safe, on the disk of
    the readout or there."""
    words: int
    all_stored: bool
    """Whether every word was there in the end."""
    spool_mb: float
    """The most that waited on the disk."""
    window_words: int
    """In a window of the triggers."""
    windows: int
    """There are, for each trigger."""
    windows_done: int
    """By every trigger, half a minute after the last word at most."""
    memory: dict[str, Memory]
    cores: dict[str, float]


def readout(
    n_links: int, rate: float, trigger_rate: float, seconds: float, shards: int, every_s: float
) -> list[Span]:
    """Take words at ``rate``, then at ``trigger_rate`` with triggers on them, so long each.

    A rate of 0 leaves its part out.
    Raises StoreError when a part ends by itself.
    """
    folder = Path(tempfile.mkdtemp(prefix="everyhit-bench-", dir=on_disk()))
    try:
        detector, triggers = write_files(folder)
        (triggers / "read_here.py").write_text(_READ_HERE)
        with cluster(folder, triggers, shards, 1) as here:
            engine = connect(parse_address(here.store))
            try:
                told = (n_links, seconds, every_s)
                spans: list[tuple[str, float, tuple[str, ...]]] = [
                    ("readout alone", rate, ()),
                    ("with triggers", trigger_rate, TRIGGERS),
                ]
                return [
                    _span(here, engine, detector, name, words_per_s, triggers_of, *told)
                    for name, words_per_s, triggers_of in spans
                    if words_per_s
                ]
            finally:
                engine.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def print_spans(spans: Iterable[Span], *, as_json: bool) -> None:
    """Print the spans as tables, or as one JSON object."""
    found = list(spans)
    if as_json:
        show_json({"name": "readout", "machine_cores": CORES, "spans": [*map(asdict, found)]})
        return
    tables = ("memory", "cores")
    show(
        [{k: v for k, v in asdict(span).items() if k not in tables} for span in found],
        as_json=False,
    )
    rows = [
        {"span": span.name, "process": name, "cores": span.cores[name], **asdict(held)}
        for span in found
        for name, held in span.memory.items()
    ]
    show(rows, as_json=False, title="memory in MB; the slope is MB a minute")


def _span(
    here: Cluster,
    engine: Engine,
    detector: Path,
    name: str,
    rate: float,
    triggers: tuple[str, ...],
    n_links: int,
    seconds: float,
    every_s: float,
) -> Span:
    declared, spacing = load(str(detector)), spacing_ns(n_links, rate)
    told = {each: {"spacing": f"{spacing} ns"} for each in triggers}
    cell = duration_ticks("100 ms", declared.tick)
    title = name.replace(" ", "_")
    run = open_run(
        engine, declared, name=title, cell=cell, settings={"triggers": told, "origin": 0}
    )
    port, spool = free_port(), here.folder / f"spool-{title}"
    taking = here.service(
        title, "readout", "--run", title, "--detector", str(detector),
        "--tcp", f"127.0.0.1:{port}", "--spool", str(spool), "--spool-bytes", "1GB",
        *(option for link in range(n_links) for option in ("--link", str(link))),
    )  # fmt: skip
    taking.start()
    here.parts["readout"] = taking
    most_spooled = 0.0
    try:
        _wait_for_port(port)
        with (
            links(port, n_links, rate, seconds) as sending,
            watched(lambda: _pids(here, sending.process.pid), every_s) as samples,
        ):
            _wait_for_words(engine, run)
            us = _pids(here, sending.process.pid)
            before, began, early, sent = spent(us), time.monotonic(), _stored(engine, run), None
            while sent is None:
                sent = sending.result(every_s)
                _pids(here, sending.process.pid)
                most_spooled = max(most_spooled, _size_mb(spool))
                took = time.monotonic() - began
                stored, after = _stored(engine, run) - early, spent(us)
                if took > 3 * seconds + 60:
                    raise StoreError(f"the words are not safe: see {taking.log}")
    finally:
        del here.parts["readout"]
        code = taking.end()
    if code:
        raise StoreError(f"the readout ended with code {code}: see {taking.log}")
    windows = -(-extent(engine, run)[1] // run.cell) if triggers else 0
    done, until = 0, time.monotonic() + _PATIENCE_S
    while done < windows and time.monotonic() < until:
        time.sleep(0.2)
        done = _windows(engine, run, triggers)
    return Span(
        name=name,
        asked_per_s=round(rate),
        sent_per_s=sent.words_per_s,
        stored_per_s=round(stored / took),
        words=sent.words,
        all_stored=_stored(engine, run) == sent.words,
        spool_mb=round(most_spooled, 1),
        window_words=round(rate * cell * float(declared.tick) * 1e-9),
        windows=windows,
        windows_done=done,
        memory={each: memory(found) for each, found in samples.items()},
        cores=after.cores_since(before),
    )


def _pids(here: Cluster, sender: int | None) -> Pids:
    """The processes of the parts, and who sends; StoreError if one has ended."""
    pids = {"here": os.getpid(), "sender": sender or 0}
    for name, part in here.parts.items():
        if part.process is None or part.process.poll() is not None:
            raise StoreError(f"{name} has ended by itself: what was measured says nothing")
        pids[name] = part.process.pid
    return pids


def _wait_for_port(port: int, patience_s: float = 60.0) -> None:
    until = time.monotonic() + patience_s
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5.0).close()
        except OSError:
            if time.monotonic() > until:
                raise StoreError(f"the readout does not listen after {patience_s:g} s") from None
            time.sleep(0.1)
        else:
            return


def _wait_for_words(engine: Engine, run: Run, patience_s: float = 60.0) -> None:
    until = time.monotonic() + patience_s
    while not _stored(engine, run):
        if time.monotonic() > until:
            raise StoreError(f"no words are stored within {patience_s:g} s")
        time.sleep(0.1)


def _stored(engine: Engine, run: Run) -> int:
    return int(link_totals(engine, [run.run_id])["words"].sum())


def _windows(engine: Engine, run: Run, triggers: Sequence[str]) -> int:
    """Windows that every trigger has done."""
    totals = {row["trigger"]: row for row in result_totals(engine, [run.run_id]).to_dicts()}
    done = [totals[name] for name in triggers if name in totals]
    if len(done) < len(triggers):
        return 0
    return min(int(row["cells"] - row["incomplete"]) for row in done)


def _size_mb(folder: Path) -> float:
    total = 0
    for file in folder.rglob("*"):
        try:
            total += file.stat().st_size
        except FileNotFoundError:  # stored meanwhile
            continue
    return total / (1 << 20)

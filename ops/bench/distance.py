"""How long a hit takes to a committed event when everything is a process of its own."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf

import numpy as np

from db.catalogue.runs import open_run
from db.detector import load
from db.detector.words import Words
from db.engine import Engine
from db.errors import StoreError
from db.results.rows import list_lineages
from db.time import duration_ticks
from ops.bench.latency import SLICE_S, WARM_S, committed_at, waits
from ops.bench.machine import Pids, spent
from ops.bench.telescope import DETECTOR, WORDS_A_MUON
from ops.bench.through import LAST, wait_for_events
from ops.chaos.cluster import Cluster
from ops.demo.demo import CANDIDATES, WANTED
from ops.demo.front_end import Sender
from ops.servers.ports import free_port
from readout.simulator.conditions import Conditions
from readout.simulator.live import live


@dataclass(frozen=True)
class Distance:
    """Seconds from when an event's last word was due to the commit of the event."""

    words_per_s: int
    events: int
    p50_s: float
    p99_s: float
    max_s: float
    cores: dict[str, float]
    """Kept busy by each process meanwhile; this one sends."""


def distance(
    here: Cluster,
    engine: Engine,
    pids: Callable[[], Pids],
    words_per_s: float,
    seconds: float,
    patience_s: float = 60.0,
) -> Distance:
    """Send words over TCP to a readout of the cluster, at their own pace, and wait for the events.

    The words of the first moment come before, and the others when an event of them is there.
    Raises StoreError when the events don't come in time.
    """
    detector = load(DETECTOR)
    conditions = Conditions(muon_rate_hz=words_per_s / WORDS_A_MUON)
    whole = live(detector, conditions, 1, slice_s=SLICE_S, duration_s=WARM_S + seconds, speed=inf)
    slices = [(piece.start, piece.links) for piece in whole]
    ticks = slices[1][0]
    slice_s = ticks * float(detector.tick) * 1e-9
    warm = round(WARM_S / slice_s)
    asked = {"triggers": dict(WANTED), "events": list(CANDIDATES), "origin": 0}
    name, cell = "distance", duration_ticks("100 ms", detector.tick)
    run = open_run(engine, detector, name=name, cell=cell, settings=asked)
    port = free_port()
    readout = here.service(
        "readout", "readout", "--run", name, "--detector", DETECTOR,
        "--tcp", f"127.0.0.1:{port}", "--spool", str(here.folder / "spool"),
        *(option for link in slices[0][1] for option in ("--link", str(link))),
    )  # fmt: skip
    readout.start()
    here.parts["readout"] = readout
    senders = {link: Sender(("127.0.0.1", port), link, 1) for link in slices[0][1]}
    try:
        for _, links in slices[:warm]:
            _send(senders, links)
        _wait_for_the_first(engine, run.run_id, patience_s)
        us = {"client": os.getpid(), **pids()}
        before, began = spent(us), time.time()
        for k, (_, links) in enumerate(slices[warm:]):
            time.sleep(max(0.0, began + (k + 1) * slice_s - time.time()))
            _send(senders, links)
        read_out, after = time.time() - began, spent(us)
        for sender in senders.values():
            sender.drain()
            sender.close()
        sent = sum(len(words) for _, links in slices[warm:] for words in links.values())
    finally:
        del here.parts["readout"]
        code = readout.end()
    if code:
        raise StoreError(f"the readout ended with code {code}: see {readout.log}")
    lineage = wait_for_events(engine, run, patience_s)
    found = waits(engine, run, lineage, slices[warm][0], ticks, began, slice_s)
    p50, p99, most = np.quantile(found, [0.5, 0.99, 1]).round(3).tolist()
    return Distance(round(sent / read_out), len(found), p50, p99, most, after.cores_since(before))


def _send(senders: Mapping[int, Sender], links: Mapping[int, Words]) -> None:
    for link, words in links.items():
        senders[link].send(words)


def _wait_for_the_first(engine: Engine, run_id: int, patience_s: float) -> None:
    until = time.monotonic() + patience_s
    while time.monotonic() < until:
        for lineage in list_lineages(engine, run_id, LAST):
            if len(committed_at(engine, lineage)):
                return
        time.sleep(0.1)
    raise StoreError(f"no events within {patience_s:g} s of their words")

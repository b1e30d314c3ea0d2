"""One case: take data, kill, start again, wait until all is done, and count."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from db.catalogue.runs import Run, find_run, open_run
from db.detector import load
from db.engine import Engine
from db.errors import StoreError
from db.results import ledger
from db.results.rows import list_lineages, read_committed
from db.time import duration_ticks
from db.words.gaps import live_ticks
from ops.chaos.cluster import Cluster
from ops.chaos.numbered import EVERY, LINKS, words
from ops.demo.front_end import Sender
from ops.servers.ports import free_port

TRIGGERS = ("each_of_many", "neighbours")


@dataclass(frozen=True)
class Outcome:
    """What a case came to. All must be 0 but the first two."""

    words_sent: int
    words_stored: int
    lost: int
    doubled: int
    events_lost: int
    events_doubled: int
    dead_ticks: int
    """Time that was booked as not seen."""
    windows_open: int = 0
    """Windows whose results are not there, or said to be incomplete."""
    seconds: float = 0.0
    restarted: Mapping[str, int] = field(default_factory=dict)
    """Parts that ended without being killed, and how often."""

    @property
    def good(self) -> bool:
        """Whether nothing was lost, doubled or left open."""
        wrong = (self.lost, self.doubled, self.events_lost, self.events_doubled)
        return not any((*wrong, self.windows_open, self.dead_ticks))


def run_case(
    here: Cluster,
    engine: Engine,
    detector: Path,
    name: str,
    victims: Sequence[str],
    *,
    seconds: float,
    words_per_s: float,
    down_s: float | None = None,
    patience_s: float = 60.0,
) -> Outcome:
    """Take data for so long, kill the victims at a third of it, start them again, and count.

    They are away for ``down_s`` seconds, or a sixth of the time, 3 s at most.
    """
    began = time.monotonic()
    spacing = round(LINKS * 1e9 / words_per_s)
    declared = load(str(detector))
    run = open_run(
        engine,
        declared,
        name=name,
        cell=duration_ticks("100 ms", declared.tick),
        settings={
            "triggers": {each: {"spacing": f"{spacing} ns"} for each in TRIGGERS},
            "origin": 0,
        },
    )
    port = free_port()
    links = [option for link in range(LINKS) for option in ("--link", str(link))]
    readout = here.service(
        f"readout-{name}", "readout", "--run", name, "--detector", str(detector),
        "--tcp", f"127.0.0.1:{port}", "--spool", str(here.folder / f"spool-{name}"), *links,
    )  # fmt: skip
    readout.start()
    here.parts["readout"] = readout
    before = here.restarted.copy()
    address = ("127.0.0.1", port)
    senders = [Sender(address, link, 1, patience_s=patience_s) for link in range(LINKS)]
    failed: list[BaseException] = []

    def send(sender: Sender) -> None:
        try:
            start, n, total = time.monotonic(), 0, round(seconds * 1e9) // spacing
            while n < total:  # a source goes on; what it can't send now it sends later
                stop = min(total, round((time.monotonic() - start) * 1e9) // spacing)
                sender.send(words(n, stop, spacing))
                n = stop
                time.sleep(0.05)
            sender.drain()
        except BaseException as fault:
            failed.append(fault)
            raise

    threads = [threading.Thread(target=send, args=(sender,), daemon=True) for sender in senders]
    for thread in threads:
        thread.start()
    _keep(here, lambda: time.monotonic() > began + seconds / 3)
    killed = [here.victim(victim) for victim in victims]
    for victim in killed:
        victim.kill()
    down = time.monotonic() + (min(3.0, seconds / 6) if down_s is None else down_s)
    _keep(here, lambda: time.monotonic() > down)
    for victim in killed:
        victim.start()
    _keep(here, lambda: not any(thread.is_alive() for thread in threads))
    if failed:
        raise failed[0]
    del here.parts["readout"]
    code = readout.end()
    if code:
        raise StoreError(f"the readout ended with code {code}: see {readout.log}")
    sent = [sender.sent for sender in senders]
    for sender in senders:
        sender.close()
    run = find_run(engine, run.run_id)
    open_windows = _wait_for_windows(here, engine, run, max(sent) * spacing, patience_s)
    counted = count_run(engine, run, sent, spacing)
    return replace(
        counted,
        windows_open=open_windows,
        restarted=dict(here.restarted - before),
        seconds=round(time.monotonic() - began, 1),
    )


def _keep(here: Cluster, until: Callable[[], bool]) -> None:
    while not until():
        here.mend()
        time.sleep(0.1)


def _wait_for_windows(here: Cluster, engine: Engine, run: Run, end: int, patience_s: float) -> int:
    """Wait until the conductor has nothing more to do; the windows that are open even then."""
    wanted, until = -(-end // run.cell), time.monotonic() + patience_s
    while True:
        done = [
            int(ledger.current(engine, run.run_id, lineage.lineage, 0, wanted)["complete"].sum())
            for lineage in list_lineages(engine, run.run_id)
            if lineage.name in TRIGGERS
        ]
        missing = len(TRIGGERS) * wanted - sum(done)
        here.mend()
        if not missing or time.monotonic() > until:
            return missing
        time.sleep(0.5)


def count_run(engine: Engine, run: Run, sent: list[int], spacing: int, first_t: int = 0) -> Outcome:
    """Return what became of a run's words, of which each link sent so many, and of its rows.

    ``first_t`` is the time of the first word in ticks since the run's start.
    """
    stored = engine.fetch(
        "SELECT link, count() AS n, uniqExact(word) AS different, max(word) AS last"
        " FROM chunks ARRAY JOIN words AS word WHERE run_id = {run:UInt32} GROUP BY link",
        {"run": run.run_id},
    ).to_pylist()
    lost = doubled = 0
    for link, n in enumerate(sent):
        of_link = [row for row in stored if row["link"] == link]
        there = of_link[0] if of_link else {"n": 0, "different": 0}
        right = engine.fetch(
            "SELECT uniqExact(word) AS n FROM chunks ARRAY JOIN words AS word"
            " WHERE run_id = {run:UInt32} AND link = {link:UInt16}"
            f" AND bitAnd(word, {2**48 - 1}) % {spacing} = 0"
            f" AND bitAnd(word, {2**48 - 1}) < {n * spacing}",
            {"run": run.run_id, "link": link},
        )["n"][0].as_py()
        lost += n - int(right)
        doubled += there["n"] - there["different"]
    end = max(sent) * spacing
    times = (range(0, n * spacing, EVERY * spacing) for n in sent)
    expected = Counter(first_t + t for of_link in times for t in of_link)
    lineages = {each.name: each for each in list_lineages(engine, run.run_id)}
    events_lost = events_doubled = 0
    for name in TRIGGERS:
        found: Counter[int] = Counter()
        if name in lineages:
            rows = read_committed(engine, lineages[name], run.cell, -(2**60), 2**60)
            found.update(rows["t"].to_list())
        events_lost += (expected - found).total()
        events_doubled += (found - expected).total()
    return Outcome(
        words_sent=sum(sent),
        words_stored=sum(row["n"] for row in stored),
        lost=lost,
        doubled=doubled,
        events_lost=events_lost,
        events_doubled=events_doubled,
        dead_ticks=end - live_ticks(engine, run.run_id, 0, end),
    )

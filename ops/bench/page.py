"""The page in a browser: how fast it is there, how steady it stays, what many of them cost."""

import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from db.detector import loads
from db.store import Store
from ops.bench.api import TRIGGER, Feed, register
from ops.bench.browser import (
    Loaded,
    Times,
    Watched,
    browser,
    clicked,
    loaded,
    opened_often,
    watched,
)
from ops.bench.fed_run import FedRun, fed_run
from ops.bench.machine import CORES, spent
from ops.bench.servers import on_disk
from ops.chaos.numbered import DETECTOR, LINKS, write_files
from ops.cli.show import show, show_json
from ops.services.serving import serving

HISTORY_S = 8 * 3600
_HISTORY_WORDS = 1_000_000
"""Of each link, in the history; slices are 10 s, so that it is there soon."""
_SPACING = 4_000
"""Nanoseconds between two words of a link: a million a second on four."""
_COLD, _CLICKS, _LOOKS = 5, 30, 6


@dataclass(frozen=True)
class Crowd:
    """What is taken without and with many pages open, in turns."""

    pages: int
    words_per_s: list[int]
    words_per_s_looked_at: list[int]
    server_cores: list[float]
    server_cores_looked_at: list[float]

    @property
    def slowed(self) -> float:
        """By which share the ingest was slower, in the median."""
        return round(1 - median(self.words_per_s_looked_at) / median(self.words_per_s), 4)


@dataclass(frozen=True)
class Outcome:
    """All that was seen."""

    words: int
    cold: Loaded
    history: Watched
    bin_to_rows: Times
    row_to_event: Times
    crowd: Crowd


def page(store: Store, n_words: int, seconds: float, pages: int, rounds: int) -> Outcome:
    """Look at a store with eight hours of history, then at one with ``n_words`` in a run.

    ``seconds`` go to the history, and to each phase of the ingest, of which there are ``rounds``
    without and as many with so many pages open.
    """
    with browser() as chromium, serving(store) as served:
        slow = loads(DETECTOR.replace('"100 ms"', '"10 s"'))
        spacing = HISTORY_S * 10**9 // _HISTORY_WORDS
        with fed_run(store, slow, {}, name="history", events=()) as live:
            feed = Feed(live, spacing)
            feed.fill(_HISTORY_WORDS)
            while live.written.hits < LINKS * _HISTORY_WORDS:
                time.sleep(0.1)
            with feed.going():
                history = watched(chromium, served.page, "#/live?span=8+h&pace=10", seconds, _LOOKS)
        with TemporaryDirectory(dir=on_disk()) as folder:
            _, triggers = write_files(Path(folder))
            register(store.engine, (triggers / f"{TRIGGER}.sql").read_text())
        wanted = {TRIGGER: {"spacing": f"{_SPACING} ns"}, "events": {}}
        with fed_run(store, loads(DETECTOR), wanted, name="full", events=(TRIGGER,)) as live:
            feed = Feed(live, _SPACING)
            feed.fill(n_words // LINKS)
            _wait_for_events(live, n_words)
            with feed.going():
                cold = loaded(chromium, served.page, _COLD)
                covered = n_words // LINKS * _SPACING * 1e-9

                def two_seconds(k: int) -> str:
                    begin = k * 0.37 % 1 * max(0.0, covered - 2)
                    of = f"run={live.run.run_id}&of={TRIGGER}&x=link"
                    return f"#/events?{of}&from={begin:.3f}+s&to={begin + 2:.3f}+s"

                to_rows, to_event = clicked(chromium, served.page, two_seconds, _CLICKS)
            quiet, loud, idle, busy = [], [], [], []
            for _ in range(rounds):
                taken, cores = _phase(live, feed, seconds)
                quiet.append(taken)
                idle.append(cores)
                with opened_often(chromium, served.page, pages):
                    taken, cores = _phase(live, feed, seconds)
                loud.append(taken)
                busy.append(cores)
            words = live.written.hits
    return Outcome(words, cold, history, to_rows, to_event, Crowd(pages, quiet, loud, idle, busy))


def _phase(live: FedRun, feed: Feed, seconds: float) -> tuple[int, float]:
    """Take words for so long; return how many a second, and the cores that it took here."""
    us = {"server": os.getpid()}
    before, words, began = spent(us), live.written.hits, time.monotonic()
    feed.run(seconds)
    rate = (live.written.hits - words) / (time.monotonic() - began)
    return round(rate), spent(us).cores_since(before)["server"]


def _wait_for_events(live: FedRun, n_words: int) -> None:
    """Wait until triggers have done what was stored."""
    end = n_words // LINKS * _SPACING
    while live.job is None or live.job.done_to("events") < 0.98 * end:
        time.sleep(0.2)


def print_outcome(found: Outcome, *, as_json: bool) -> None:
    """Print what came out as tables, or as one JSON object."""
    if as_json:
        whole = {"name": "page", "machine_cores": CORES, "slowed": found.crowd.slowed}
        show_json({**whole, **asdict(found)})
        return
    rows = {
        "first paint, cold cache": found.cold.first_paint,
        "state and history drawn, cold cache": found.cold.interactive,
        f"frames of Live, 8 h, {found.history.updates_per_s:g} updates/s": found.history.frames,
        "from a bin to its rows": found.bin_to_rows,
        "from a row to its event": found.row_to_event,
    }
    show(
        [{"what": what, **asdict(each)} for what, each in rows.items()],
        as_json=False,
        title=f"{found.words:,} words stored",
    )
    heap, nodes = found.history.heap_mb, found.history.nodes
    show(
        [{"MB": mb, "nodes": n} for mb, n in zip(heap, nodes, strict=True)],
        as_json=False,
        title=f"memory of Live over {found.history.seconds:.0f} s",
    )
    crowd = found.crowd
    phases = zip(
        crowd.words_per_s,
        crowd.words_per_s_looked_at,
        crowd.server_cores,
        crowd.server_cores_looked_at,
        strict=True,
    )
    names = ("words_per_s", "looked at", "cores", "cores looked at")
    show(
        [dict(zip(names, each, strict=True)) for each in phases],
        as_json=False,
        title=f"{crowd.pages} pages open: ingest slower by {100 * crowd.slowed:.1f} %",
    )

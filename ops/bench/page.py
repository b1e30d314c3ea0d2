"""The page in a browser: how fast it is there, how steady it stays, what many of them cost."""

import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from db.detector import loads
from db.errors import StoreError
from db.store import Store
from ops.bench.api import TRIGGER, Feed, register
from ops.bench.browser import (
    Loaded,
    Opened,
    Times,
    Watched,
    browser,
    clicked,
    loaded,
    opened_often,
    watched,
)
from ops.bench.fed_run import FedRun, fed_run
from ops.bench.machine import CORES, Pids, spent
from ops.bench.servers import on_disk
from ops.chaos.numbered import DETECTOR, LINKS, write_files
from ops.cli.show import show, show_json
from ops.services.serving import serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HISTORY_S = 8 * 3600
_HISTORY_WORDS, _SLICE = 1_000_000, '"10 s"'
"""Of each link, in the history; long slices, so that it is there soon."""
_SPACING = 4_000
"""Nanoseconds between two words of a link: a million a second on four."""
_COLD, _CLICKS, _LOOKS = 5, 30, 6
_PIECE = 250_000
_PATIENCE_S, _WORDS_PER_S = 60.0, 200_000
"""Triggers that take longer for what is stored have stopped."""


@dataclass(frozen=True)
class Phase:
    """Words taken as fast as they can be."""

    words_per_s: int
    server_cores: float
    browser_cores: float
    answers_per_s: float
    """That pages had."""


@dataclass(frozen=True)
class Crowd:
    """The ingest without and with many pages open, in turns."""

    pages: int
    alone: list[Phase]
    looked_at: list[Phase]

    @property
    def slowed(self) -> float:
        """By which share the ingest was slower, in the median, with the browser on its machine."""
        return self._lost(lambda phase: phase.words_per_s)

    @property
    def slowed_by_server(self) -> float:
        """The same for a second of the server's processor: what pages elsewhere would cost."""
        return self._lost(lambda phase: phase.words_per_s / phase.server_cores)

    def _lost(self, of: Callable[[Phase], float]) -> float:
        return round(1 - median(map(of, self.looked_at)) / median(map(of, self.alone)), 4)


@dataclass(frozen=True)
class Outcome:
    """All that was seen."""

    words: int
    cold: Loaded
    history: Watched
    bin_to_rows: Times
    row_to_event: Times
    crowd: Crowd


def page(
    store: Store,
    n_words: int,
    seconds: float,
    pace: float,
    pages: int,
    rounds: int,
    phase_s: float,
) -> Outcome:
    """Look at a store with eight hours of history, then at one with ``n_words`` in a run.

    ``seconds`` go to the history, which is asked for ``pace`` times a second, or as often as the
    page comes to it. Then words are taken as fast as they can be, without and with so
    many pages open, in so many rounds of two phases of ``phase_s`` each.
    """
    with browser() as (chromium, pid), serving(store) as served:
        history = _history(store, chromium, served.page, seconds, pace)
        with TemporaryDirectory(dir=on_disk()) as folder:
            _, triggers = write_files(Path(folder))
            register(store.engine, (triggers / f"{TRIGGER}.sql").read_text())
        wanted = {TRIGGER: {"spacing": f"{_SPACING} ns"}, "events": {}}
        with fed_run(store, loads(DETECTOR), wanted, name="full", events=(TRIGGER,)) as live:
            feed = Feed(live, _SPACING)
            feed.fill(n_words // LINKS)
            with feed.going():
                _wait_for_events(live, n_words)
            cold = loaded(chromium, served.page, _COLD)
            covered = n_words // LINKS * _SPACING * 1e-9

            def two_seconds(k: int) -> str:
                begin = k * 0.37 % 1 * max(0.0, covered - 2)
                of = f"run={live.run.run_id}&of={TRIGGER}&x=link"
                return f"#/events?{of}&from={begin:.3f}+s&to={begin + 2:.3f}+s"

            to_rows, to_event = clicked(chromium, served.page, two_seconds, _CLICKS)
            words = live.written.hits
        alone, looked_at = [], []
        us = {"server": os.getpid(), "browser": pid}
        with fed_run(store, loads(DETECTOR), {}, name="crowd") as live:
            feed = Feed(live, _SPACING)
            _phase(live, feed, us, phase_s)  # merges of what was stored before go on in all others
            for _ in range(rounds):
                alone.append(_phase(live, feed, us, phase_s))
                with opened_often(chromium, served.page, pages) as opened:
                    looked_at.append(_phase(live, feed, us, phase_s, opened))
    return Outcome(words, cold, history, to_rows, to_event, Crowd(pages, alone, looked_at))


def _history(
    store: Store, chromium: "Browser", address: str, seconds: float, pace: float
) -> Watched:
    """Look for so long at a run of eight hours that goes on."""
    slow = loads(DETECTOR.replace('"100 ms"', _SLICE))
    with fed_run(store, slow, {}, name="history") as live:
        feed = Feed(live, HISTORY_S * 10**9 // _HISTORY_WORDS)
        feed.fill(_HISTORY_WORDS)
        with feed.going():
            return watched(chromium, address, f"#/live?span=8+h&pace={pace:g}", seconds, _LOOKS)


def _phase(
    live: FedRun, feed: Feed, us: Pids, seconds: float, opened: Opened | None = None
) -> Phase:
    """Take words for so long, beside pages that are open."""
    asked = opened.asked() if opened else 0
    before, words, began = spent(us), live.written.hits, time.monotonic()
    while time.monotonic() - began < seconds:
        feed.fill(_PIECE)
    took, words = time.monotonic() - began, live.written.hits - words
    cores = spent(us).cores_since(before)
    asked = opened.asked() - asked if opened else 0
    each = (cores["server"], cores["browser"], round(asked / took, 1))
    return Phase(round(words / took), *each)


def _wait_for_events(live: FedRun, n_words: int) -> None:
    """Wait until triggers have done what was stored; StoreError if they don't."""
    end = n_words // LINKS * _SPACING
    until = time.monotonic() + _PATIENCE_S + n_words / _WORDS_PER_S
    while live.job is None or live.job.done_to("events") < end:
        if time.monotonic() > until:
            raise StoreError(f"the triggers are not through {n_words:,} words yet")
        time.sleep(0.2)


def print_outcome(found: Outcome, *, as_json: bool) -> None:
    """Print what came out as tables, or as one JSON object."""
    if as_json:
        whole = {"name": "page", "machine_cores": CORES, **asdict(found)}
        crowd = found.crowd
        show_json({**whole, "slowed": crowd.slowed, "slowed_by_server": crowd.slowed_by_server})
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
    phases = [("0", each) for each in crowd.alone]
    phases += [(str(crowd.pages), each) for each in crowd.looked_at]
    show(
        [{"pages": n, **asdict(each)} for n, each in phases],
        as_json=False,
        title=f"ingest slower by {100 * crowd.slowed:.1f} % with the browser on its machine,"
        f" by {100 * crowd.slowed_by_server:.1f} % for the server's own processor time",
    )

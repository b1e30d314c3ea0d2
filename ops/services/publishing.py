"""Keeps documents of runs, and of results by the rules that stand, beside the conductor."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import polars as pl
import structlog
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from db.catalogue.heartbeat import beating
from db.catalogue.runs import Run
from db.engine import Engine
from db.errors import EveryhitError, StoreError
from db.publication.marks import Mark, fresh_attempts, marks_of, recent_runs
from db.publication.rules import PublicationRule, homes_of_runs, is_for, list_rules
from db.words.homes.home import HomeAwayError
from software_triggers.conductor.follow import OLD

KIND = "publisher"
"""As what it tells through Redis that it is alive."""
ALL_RUNS = "(the runs themselves)"
"""Stands for the type of runs where it is told how far their own documents are."""
PAUSE_S, CLOSED_S, IDLE_S, RUNS_S = 1.0, 10.0, 5.0, 3.0
"""Seconds between two looks at runs that take data, at others, for a first rule, at all runs."""

_log = structlog.get_logger()


@dataclass
class Followed:
    """How far a rule is."""

    good_at: float
    """When the last look began after which all that was committed was there."""
    trouble: str = ""
    runs: dict[int, tuple[Mark, pl.DataFrame]] = field(default_factory=dict)
    """Runs that are there up to a mark, and the youngest attempts among what is there."""


class Publisher(Collector):
    """Brings the results of recent runs to where rules want them, and all runs beside them.

    Nothing is remembered beyond this process: it begins by comparing all with the ledger, as it
    does after trouble. Runs that ended, and were reprocessed, more than a week ago are left to
    ``everyhit run publish``.
    """

    def __init__(self, engine: Engine, mine: Callable[[Run], bool] = lambda _: True) -> None:
        self._engine, self._mine = engine, mine
        self._followed: dict[PublicationRule, Followed] = {}
        self._runs: dict[str, tuple[Followed, pl.DataFrame | None]] = {}
        self._closed_at = self._runs_at = -CLOSED_S

    def step(self, now: float) -> None:
        """Do what is to be done at a moment, in monotonic seconds; StoreError of the store."""
        rules = list_rules(self._engine)
        self._followed = {rule: self._followed.get(rule, Followed(now)) for rule in rules}
        self._bring_runs(now)
        if not rules:
            return
        runs = [
            run for run in recent_runs(self._engine, datetime.now(UTC) - OLD) if self._mine(run)
        ]
        closed = now >= self._closed_at + CLOSED_S
        if closed:
            self._closed_at = now
        for rule in rules:
            of = self._followed[rule]
            wanted = [run for run in runs if is_for(rule, run, rules)]
            look = [r for r in wanted if closed or r.state == "open" or r.run_id not in of.runs]
            self._follow(rule, of, look, now)

    def lags(self) -> dict[str, Any]:
        """Return how far each rule is, for whoever watches."""
        now = time.monotonic()
        runs = [(PublicationRule(ALL_RUNS, k), of) for k, (of, _) in list(self._runs.items())]
        return {
            "rules": [
                {
                    "runs": rule.run_type,
                    "home": rule.home,
                    "lag_s": round(now - of.good_at, 3),
                    "trouble": of.trouble,
                }
                for rule, of in [*list(self._followed.items()), *runs]
            ]
        }

    def collect(self) -> Iterator[Metric]:
        """``everyhit_publication_lag_seconds{runs,home}``, of each rule."""
        family = GaugeMetricFamily(
            "everyhit_publication_lag_seconds",
            "Time since all that was committed was there as documents.",
            labels=["runs", "home"],
        )
        for rule in self.lags()["rules"]:
            family.add_metric([rule["runs"], rule["home"]], rule["lag_s"])
        yield family

    def _bring_runs(self, now: float) -> None:
        """Bring the documents of runs to the catalogue, in each database."""
        if now < self._runs_at + RUNS_S:
            return
        self._runs_at, homes = now, homes_of_runs(self._engine)
        self._runs = {home: self._runs.get(home, (Followed(now), None)) for home in homes}
        if not homes:
            return
        from db.publication.run_documents import bring_runs
        from db.publication.target import target_at

        for home, (of, known) in self._runs.items():
            try:
                known, _ = bring_runs(self._engine, target_at(self._engine, home), known)
            except EveryhitError as fault:
                self._runs[home] = of, None
                _note(of, "runs", str(fault))
            else:
                self._runs[home] = of, known
                of.good_at, of.trouble = now, ""

    def _follow(self, rule: PublicationRule, of: Followed, runs: list[Run], now: float) -> None:
        marks, left, trouble = marks_of(self._engine, runs), 0, ""
        for run in runs:
            mark = marks.get(run.run_id)
            last = of.runs.get(run.run_id)
            if mark is None or (last and last[0] == mark):
                continue
            try:
                left += self._bring(rule, of, run, mark)
            except EveryhitError as fault:
                of.runs.pop(run.run_id, None)  # half-way: all of it is compared next time
                trouble = str(fault)
                if isinstance(fault, HomeAwayError):
                    break
        _note(of, rule.run_type, trouble)
        if not trouble and not left:
            of.good_at = now

    def _bring(self, rule: PublicationRule, of: Followed, run: Run, mark: Mark) -> int:
        """Bring a run's documents up to a mark, and return how many windows are left."""
        # PyMongo takes half a second to load: whoever has no rule does without.
        from db.publication.publish import publish
        from db.publication.target import target_at

        target = target_at(self._engine, rule.home)
        last = of.runs.pop(run.run_id, None)
        fresh = fresh_attempts(self._engine, run.run_id, mark.newest)
        cells = None
        if last and mark.rows >= last[0].rows and _same_rules(mark, last[0]):
            since = fresh_attempts(self._engine, run.run_id, last[0].newest)
            cells = set(since.join(last[1], on=since.columns, how="anti")["cell"])
        done = publish(self._engine, run, target, rule.triggers, events=rule.events, cells=cells)
        if not done.left:
            of.runs[run.run_id] = mark, fresh
        return done.left


def _note(of: Followed, runs: str, trouble: str) -> None:
    if trouble and trouble != of.trouble:
        _log.warning("publication waits", runs=runs, said=trouble)
    of.trouble = trouble


def _same_rules(a: Mark, b: Mark) -> bool:
    """Whether the same lineages answer, so that only committed windows changed."""
    return (a.ran, a.revision) == (b.ran, b.revision)


@contextmanager
def publishing(
    engine: Engine,
    redis_url: str,
    *,
    mine: Callable[[Run], bool] = lambda _: True,
    works: Callable[[], bool] = lambda: True,
) -> Iterator[Publisher]:
    """Keep documents of a store's results on a thread of its own, while the context lasts.

    ``mine`` says of which runs; nothing is done while ``works`` says so.
    """
    publisher, over = Publisher(engine, mine), threading.Event()

    def watch() -> None:
        while not over.wait(PAUSE_S if publisher.lags()["rules"] else IDLE_S):
            if not works():
                continue
            try:
                publisher.step(time.monotonic())
            except StoreError as fault:
                _log.warning("publication waits for the store", said=str(fault))

    def told() -> dict[str, Any]:
        return publisher.lags() if works() else {"rules": []}

    thread = threading.Thread(target=watch, name="publication", daemon=True)
    thread.start()
    try:
        with beating(redis_url, KIND, told):
            yield publisher
    finally:
        over.set()
        thread.join()

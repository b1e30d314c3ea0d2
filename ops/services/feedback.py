"""Lets the readout do what triggers ask for, within what a run's settings allow."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import polars as pl
import structlog

from db.catalogue.orders import list_orders
from db.catalogue.runs import Run, open_runs
from db.engine import Engine
from db.errors import EveryhitError, UsageError
from db.relations.distinct import distinct
from db.relations.relation import Relation
from db.time import WHOLE
from db.words.totals import newest_watermarks
from readout.control import feedback
from readout.control.commander import Commander
from software_triggers.task.names import lineage_of

_log = structlog.get_logger()
PAUSE_S, IDLE_S = 0.25, 1.0
"""Seconds between two looks while triggers may act on a run, and while they may on none."""
SOON_S = 0.03
"""Where news are told, they bring about the next look, so many seconds after one at least."""
FRESH_S = 60.0
"""Seconds before the newest watermark from which on what was found still is a reason to act."""
_MOST_ORDERS = 1000


@contextmanager
def feeding_back(
    engine: Engine,
    redis_url: str,
    *,
    mine: Callable[[Run], bool] = lambda _: True,
    works: Callable[[], bool] = lambda: True,
) -> Iterator[Callable[[], None]]:
    """Look after the open runs of a store on a thread of its own, while the context lasts.

    ``mine`` says which of them; nothing is done unless ``works`` says so. Yields what whoever has
    stored new results may call: then there is a look soon; without it there is one every PAUSE_S.
    """
    over, news = threading.Event(), threading.Event()

    def watch() -> None:
        runs: list[Run] = []
        while not over.wait(SOON_S if runs else IDLE_S):
            if runs:
                news.wait(PAUSE_S)
            news.clear()
            if not works():
                continue
            began = time.monotonic()
            try:
                runs = [run for run in open_runs(engine) if run.settings.get("feedback")]
                for run in filter(mine, runs):
                    act(engine, redis_url, run)
            except EveryhitError as fault:  # a shard or a readout that is away: tried again
                _log.warning("feedback waits", why=str(fault))
                over.wait(1.0)
            over.wait(time.monotonic() - began)  # no more than half of the time

    thread = threading.Thread(target=watch, name="feedback", daemon=True)
    thread.start()
    try:
        yield news.set
    finally:
        over.set()
        news.set()
        thread.join()


def act(engine: Engine, redis_url: str, run: Run) -> None:
    """Order what the triggers of a run ask for now, if that is not in force.

    Raises StoreError and OrderError where that can't be known or done.
    """
    limits = feedback.limits_of(run)
    now = feedback.in_force(list_orders(engine, run.run_id, _MOST_ORDERS))
    rows = {name: _found(engine, run, name, each) for name, each in limits.items()}
    found = {
        name: feedback.wanted(each, limits[name], now.lifted)
        for name, each in rows.items()
        if each is not None
    }
    acts = feedback.next_acts(now, found, limits, datetime.now(UTC))
    if acts.keys() == now.acts.keys():
        return
    changed = acts.keys() ^ now.acts.keys()
    trigger = min((acts.get(rule) or now.acts[rule]).trigger for rule in changed)
    # An order is one trigger's: what another asks for is the next one.
    kept = {rule: each for rule, each in now.acts.items() if each.trigger != trigger}
    kept |= {rule: each for rule, each in acts.items() if each.trigger == trigger}
    configuration = feedback.configuration_with(now.base, kept)
    Commander(engine, redis_url, feedback.WHO + trigger).configure(f"#{run.run_id}", configuration)
    _log.info("feedback", run=run.run_id, trigger=trigger, rules=sorted(kept))


def _found(engine: Engine, run: Run, trigger: str, limits: feedback.Limits) -> pl.DataFrame | None:
    """What a trigger found lately: values of the columns that name what is masked."""
    try:
        lineage = lineage_of(engine, run, trigger)
    except UsageError:
        return None  # nothing yet
    marks = newest_watermarks(engine, [run.run_id]).values()
    a = max(marks, default=0) - round(FRESH_S * 1e9 / float(run.detector.tick))
    columns = (*limits.columns, *({"keep_1_in"} & lineage.columns.keys()))
    return distinct(engine, Relation(trigger, run, a, WHOLE[1], lineage), columns)

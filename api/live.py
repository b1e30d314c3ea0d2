"""Subscriptions: what goes on in a run, as it happens."""

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Annotated, TypeVar

import strawberry

from api.alarms import Alarm
from api.context import Info
from api.events import BUILDER, Event
from api.of_run import OfRun
from api.rates import RateSeries
from api.rows import TriggerName, condition
from api.runs import Link, Run
from api.scalars import Ticks
from api.topics import Topic
from api.triggers import Reprocess, Result, result_told, told
from db.alarms import list_alarms
from db.engine import Engine
from db.fresh_cells import fresh_cells
from db.histogram import Bins, count_rates
from db.row_pages import page_of_rows
from db.run_pages import RunFilter, count_runs
from db.run_state import link_totals, result_totals
from db.runs import find_run
from software_triggers.names import lineage_of

T = TypeVar("T")
PERIOD_S = 0.5
LOOK_BACK_S = 5.0
MOST_EVENTS = 100
BATCHES_KEPT = 32

RunName = Annotated[str | None, strawberry.argument(description="Number or name; default newest.")]


@strawberry.type(description="Words of each link over the last complete second of data.")
class LiveRates:
    """A moment of a rate plot."""

    stop: Ticks = strawberry.field(description="End of that second.")
    seconds: float = strawberry.field(description="Its length: whole slices, about a second.")
    series: list[RateSeries] = strawberry.field(description="One bin for each link.")


@strawberry.type(description="Events that were committed since the last message.")
class NewEvents:
    """Oldest first."""

    events: list[Event] = strawberry.field(description=f"The newest {MOST_EVENTS} of them at most.")
    number: int = strawberry.field(
        description="Counts messages: what a slow listener missed is a hole in the numbers."
    )


@strawberry.type(description="What goes on. A slow listener gets the newest, never a queue.")
class Subscription:
    """Each topic is polled once for all who listen."""

    @strawberry.subscription(description="Rates of each link of a run, about twice a second.")
    async def rates(self, info: Info, run: RunName = None) -> AsyncIterator[LiveRates]:
        async for each in _told(info, "rates", run, _rates):
            yield each

    @strawberry.subscription(description="How far each link of a run has come.")
    async def watermarks(self, info: Info, run: RunName = None) -> AsyncIterator[list[Link]]:
        async for each in _told(info, "watermarks", run, _watermarks):
            yield each

    @strawberry.subscription(description="How far each trigger of a run has come.")
    async def results(self, info: Info, run: RunName = None) -> AsyncIterator[list[Result]]:
        async for each in _told(info, "results", run, _results):
            yield each

    @strawberry.subscription(description="The newest run, whenever it or its state changes.")
    async def run_state(self, info: Info) -> AsyncIterator[Run]:
        async for each in _told(info, "run_state", None, _run_state):
            yield each

    @strawberry.subscription(description="The alarms that stand, whenever one of them changes.")
    async def alarms(self, info: Info) -> AsyncIterator[list[Alarm]]:
        async for each in _told(info, "alarms", None, _alarms):
            yield each

    @strawberry.subscription(description="Where reprocessings stand, newest first.")
    async def reprocesses(self, info: Info) -> AsyncIterator[list[Reprocess]]:
        work = info.context.desk.work

        async def read() -> list[Reprocess]:
            return [told(one) for one in reversed(work.asked.values())]

        topic = info.context.desk.topics.topic("reprocesses", lambda: Topic(read, PERIOD_S))
        async for each in _heard(info, topic):
            yield each

    @strawberry.subscription(
        description="Events as they are committed; those of a window that was done anew come again."
    )
    async def new_events(
        self, info: Info, run: RunName = None, trigger: TriggerName = BUILDER, where: str = ""
    ) -> AsyncIterator[NewEvents]:
        engine = info.context.engine
        number = (await info.context.ask(find_run, engine, run)).run_id

        def make() -> Topic[NewEvents]:
            fresh = _FreshEvents(engine, number, trigger, where)
            return Topic(lambda: info.context.desk.ask(fresh.read), PERIOD_S, BATCHES_KEPT)

        topic = info.context.desk.topics.topic(("events", number, trigger, where), make)
        async for each in _heard(info, topic):
            yield each


async def _told(
    info: Info, name: str, run: str | None, read: Callable[[Engine, str | None], T | None]
) -> AsyncIterator[T]:
    """Listen to a topic that is read of a run by one function."""
    desk = info.context.desk
    topic = desk.topics.topic(
        (name, run), lambda: Topic(lambda: desk.ask(read, desk.engine, run), PERIOD_S)
    )
    async for each in _heard(info, topic):
        yield each


async def _heard(info: Info, topic: Topic[T]) -> AsyncIterator[T]:
    """Listen to a topic for as long as the listener's token holds."""
    async with aclosing(topic.listen()) as told:
        async for each in told:
            await info.context.still()
            yield each


def _rates(engine: Engine, which: str | None) -> LiveRates | None:
    run = find_run(engine, which)
    links = link_totals(engine, [run.run_id])
    if links.is_empty():
        return None
    ticks = run.detector.slice
    seconds = float(run.detector.tick) * 1e-9
    slices = max(1, round(1 / (ticks * seconds)))
    last = int(links["watermark"].max()) // ticks  # type: ignore[arg-type]
    cut = Bins((last - slices) * ticks, slices * ticks, 1)
    counted = count_rates(engine, run, cut, ("link",))
    return LiveRates(
        stop=last * ticks,
        seconds=cut.width * seconds,
        series=[
            RateSeries(link=link, channel=None, hits=[float(hits)], others=[float(others)])
            for link, _, hits, others in counted.iter_rows()
        ],
    )


def _watermarks(engine: Engine, which: str | None) -> list[Link]:
    run = find_run(engine, which)
    seconds = OfRun(run=run).seconds
    return [
        Link.of(row, seconds) for row in link_totals(engine, [run.run_id]).iter_rows(named=True)
    ]


def _results(engine: Engine, which: str | None) -> list[Result]:
    run = find_run(engine, which)
    newest = link_totals(engine, [run.run_id])["watermark"].max()
    rows = result_totals(engine, [run.run_id]).iter_rows(named=True)
    return [result_told(row, run, newest or 0) for row in rows]  # type: ignore[arg-type]


def _run_state(engine: Engine, _: str | None) -> Run | None:
    return Run(run=find_run(engine)) if count_runs(engine, RunFilter()) else None


def _alarms(engine: Engine, _: str | None) -> list[Alarm]:
    return [Alarm.of(alarm) for alarm in list_alarms(engine)]


class _FreshEvents:
    """Remembers which windows it has told of."""

    def __init__(self, engine: Engine, run_id: int, trigger: str, where: str) -> None:
        self._engine, self._run_id = engine, run_id
        self._trigger, self._where = trigger, where
        self._told: dict[str, set[tuple[int, int, int]]] = {}
        self._number = 0
        self.read()  # what is there already is not new

    def read(self) -> NewEvents | None:
        """Return the events of windows that were committed since the last call."""
        engine = self._engine
        run = find_run(engine, self._run_id)
        lineage = lineage_of(engine, run, self._trigger)
        fresh = fresh_cells(engine, run.run_id, lineage.lineage, LOOK_BACK_S).rows()
        new = sorted(set(fresh) - self._told.get(lineage.lineage, set()))
        self._told = {lineage.lineage: set(fresh)}
        if not new:
            return None
        cells = sorted({cell for cell, *_ in new})
        wanted = ", ".join(str(cell) for cell in cells)
        within = f"intDiv(t - positiveModulo(t, {run.cell}), {run.cell}) IN ({wanted})"
        chosen = f"{within} AND {condition(lineage, self._where)}"
        a, b = cells[0] * run.cell, (cells[-1] + 1) * run.cell
        rows = page_of_rows(engine, run, lineage, a, b, chosen, 10 * MOST_EVENTS).rows
        if rows.is_empty():
            return None
        self._number += 1
        newest = rows.tail(MOST_EVENTS).iter_rows(named=True)
        return NewEvents(events=[Event(run=run, row=row) for row in newest], number=self._number)

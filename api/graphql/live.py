"""Subscriptions: what goes on in a run, as it happens."""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Annotated, TypeVar

import strawberry

from api.graphql.alarms import Alarm
from api.graphql.context import Info
from api.graphql.events import BUILDER, Event
from api.graphql.fresh_events import FreshEvents
from api.graphql.orders import Order
from api.graphql.rates import RateSeries
from api.graphql.reprocess import Reprocess, reprocesses_of
from api.graphql.rows import TriggerName
from api.graphql.run_scoped import RunScoped
from api.graphql.run_words import Link
from api.graphql.runs import Run
from api.graphql.scalars import Ticks
from api.graphql.topics import Topic
from api.graphql.triggers import Result, result_told
from api.state import AppState
from db.catalogue.alarms import list_alarms
from db.catalogue.orders import list_orders
from db.catalogue.run_pages import RunFilter, count_runs
from db.catalogue.runs import find_run
from db.engine import Engine
from db.results.totals import result_totals
from db.words.rates import Bins, count_rates
from db.words.totals import link_totals

T = TypeVar("T")
PERIOD_S = 0.5
MOST_EVENTS = 100
BATCHES_KEPT = 32
ORDERS_TOLD = 10

RunName = Annotated[str | None, strawberry.argument(description="Number or name; default newest.")]


@strawberry.type(description="Words of each link over the last complete second of data.")
class LiveRates:
    """A moment of a rate plot."""

    stop: Ticks = strawberry.field(description="End of that second.")
    seconds: float = strawberry.field(description="Its length: whole slices, about a second.")
    series: list[RateSeries] = strawberry.field(description="One bin for each link.")


@strawberry.type(description="Events that were committed since the last message.")
class NewEvents:
    """Of a window in order of time."""

    events: list[Event] = strawberry.field(
        description=f"At most {MOST_EVENTS}; the next message has more."
    )
    number: int = strawberry.field(description="Counts the messages to all who listen.")
    missed: int = strawberry.field(
        default=0,
        description="Messages that this listener has missed so far, since it was too slow.",
    )


@strawberry.type(
    description="What goes on. Of states a slow listener gets the newest, never a queue."
)
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

    @strawberry.subscription(description="The latest orders to readouts, whenever one changes.")
    async def orders(self, info: Info) -> AsyncIterator[list[Order]]:
        async for each in _told(info, "orders", None, _orders):
            yield each

    @strawberry.subscription(description="The alarms that stand, whenever one of them changes.")
    async def alarms(self, info: Info) -> AsyncIterator[list[Alarm]]:
        async for each in _told(info, "alarms", None, _alarms):
            yield each

    @strawberry.subscription(description="Where reprocessings stand, newest first.")
    async def reprocesses(self, info: Info) -> AsyncIterator[list[Reprocess]]:
        app_state, engine = info.context.app_state, info.context.engine

        def read() -> Awaitable[list[Reprocess]]:
            return app_state.ask(reprocesses_of, engine)

        topic = app_state.topics.topic("reprocesses", lambda: Topic(read, PERIOD_S))
        async for each, _ in _heard(info, topic):
            yield each

    @strawberry.subscription(
        description="Every event that is committed from now on, whatever its time: late ones, and"
        " once more those of a window that was done anew. The first message has none and says that"
        " it has begun. Events of the trigger's newest lineage, as everywhere."
    )
    async def new_events(
        self, info: Info, run: RunName = None, trigger: TriggerName = BUILDER, where: str = ""
    ) -> AsyncIterator[NewEvents]:
        app_state = info.context.app_state
        found = await info.context.ask(find_run, app_state.engine, run)

        def make() -> Topic[NewEvents]:
            read = _new_events(app_state, fresh)
            return Topic(read, PERIOD_S, BATCHES_KEPT, lambda last: replace(last, events=[]))

        fresh = FreshEvents(app_state.engine, found.run_id, trigger, where, MOST_EVENTS)
        await info.context.ask(fresh.begin)
        topic = app_state.topics.topic(("events", found.run_id, trigger, where), make)
        async for each, missed in _heard(info, topic):
            # The same message for all who kept up: it is worked out and written once.
            yield replace(each, missed=missed) if missed else each


def _new_events(
    app_state: AppState, fresh: FreshEvents
) -> Callable[[], Awaitable[NewEvents | None]]:
    numbers, first = itertools.count(1), [NewEvents(events=[], number=0)]

    async def read() -> NewEvents | None:
        if first:
            return first.pop()
        run, rows = await app_state.ask(fresh.read)
        if rows.is_empty():
            return None
        events = [Event(run=run, row=row) for row in rows.iter_rows(named=True)]
        return NewEvents(events=events, number=next(numbers))

    return read


async def _told(
    info: Info, name: str, run: str | None, read: Callable[[Engine, str | None], T | None]
) -> AsyncIterator[T]:
    """Listen to a topic that is read of a run by one function."""
    app_state = info.context.app_state
    topic = app_state.topics.topic(
        (name, run), lambda: Topic(lambda: app_state.ask(read, app_state.engine, run), PERIOD_S)
    )
    async for each, _ in _heard(info, topic):
        yield each


async def _heard(info: Info, topic: Topic[T]) -> AsyncIterator[tuple[T, int]]:
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
    seconds = RunScoped(run=run).seconds
    return [
        Link.of(row, seconds) for row in link_totals(engine, [run.run_id]).iter_rows(named=True)
    ]


def _results(engine: Engine, which: str | None) -> list[Result]:
    run = find_run(engine, which)
    newest = link_totals(engine, [run.run_id])["last"].max()
    rows = result_totals(engine, [run.run_id]).iter_rows(named=True)
    return [result_told(row, run, newest or 0) for row in rows]  # type: ignore[arg-type]


def _run_state(engine: Engine, _: str | None) -> Run | None:
    return Run(run=find_run(engine)) if count_runs(engine, RunFilter()) else None


def _alarms(engine: Engine, _: str | None) -> list[Alarm]:
    return [Alarm.of(alarm) for alarm in list_alarms(engine)]


def _orders(engine: Engine, _: str | None) -> list[Order]:
    return [Order(entry=entry) for entry in list_orders(engine, limit=ORDERS_TOLD)]

"""Run control: orders to the readouts, and what came of them."""

import secrets
from collections.abc import Callable
from typing import Annotated

import strawberry

from api.fit import check_triggers
from api.graphql.context import Info
from api.graphql.mutation import mutation
from api.graphql.orders import ConfigurationWanted, ConfiguredLink, Order, ReadoutTold
from api.graphql.scalars import Ticks
from api.graphql.wanted import (
    Events,
    FeedbackWanted,
    Fields,
    Tags,
    Triggers,
    edit_of,
    feedback_of,
    settings_of,
)
from db.catalogue import runs
from db.catalogue.configurations import Configured, configured_at, list_configured
from db.catalogue.orders import OrderEntry, find_order, list_orders
from db.catalogue.runs import find_run
from db.detector import available, load
from db.errors import UsageError
from db.time import duration_ticks
from readout.control.commander import WITHIN_S, Commander
from readout.control.outcome import living_readouts, refreshed

MOST_ORDERS = 100

RunName = Annotated[
    str | None, strawberry.argument(description="Number or name; the newest that is open.")
]
Names = Annotated[
    list[str] | None,
    strawberry.argument(description="Readouts that are meant; all that are there, or take the run"),
]
OrderId = Annotated[
    str | None,
    strawberry.argument(description="The same id is the same order: what is done stays done."),
]
Within = Annotated[
    float, strawberry.argument(description="Seconds until who has not answered counts as silent.")
]


@strawberry.type
class ControlQueries:
    """Readouts, orders, configurations."""

    @strawberry.field(description="The readouts that are alive and take orders, by name.")
    async def readouts(self, info: Info) -> list[ReadoutTold]:
        told = await info.context.ask(living_readouts, _redis(info))
        names = ("detector", "run", "words", "without_run", "trouble")
        return [
            ReadoutTold(name=each["readout"], **{name: each[name] for name in names})
            for each in told
        ]

    @strawberry.field(description="The latest orders, newest first.")
    async def orders(self, info: Info, run: str | None = None, first: int = 20) -> list[Order]:
        if not 0 < first <= MOST_ORDERS:
            raise UsageError(f"first is 1 to {MOST_ORDERS}, not {first}")
        engine = info.context.engine

        def read() -> list[OrderEntry]:
            number = None if run is None else find_run(engine, run).run_id
            return list_orders(engine, number, first)

        return [Order(entry=entry) for entry in await info.context.ask(read)]

    @strawberry.field(description="One order, with what was answered since.")
    async def order(self, info: Info, id: str) -> Order:  # noqa: A002 - the schema's name
        engine, redis = info.context.engine, _redis(info)
        return Order(
            entry=await info.context.ask(
                lambda: refreshed(engine, redis, find_order(engine, id)),
            )
        )

    @strawberry.field(description="What each link of a run was told to remove, and from when on.")
    async def configurations(
        self,
        info: Info,
        run: str | None = None,
        at: Annotated[
            Ticks | None, strawberry.argument(description="Only what held at this tick.")
        ] = None,
    ) -> list[ConfiguredLink]:
        engine = info.context.engine

        def read() -> list[Configured]:
            number = find_run(engine, run).run_id
            if at is None:
                return list_configured(engine, number)
            return list(configured_at(engine, number, at).values())

        return [ConfiguredLink.of(each) for each in await info.context.ask(read)]


@strawberry.type
class ControlMutations:
    """Each waits for the readouts' answers, and fails when none of them did as it was told."""

    @mutation("control", "Open a run and let readouts take it; an open one of this name goes on.")
    async def start_run(
        self,
        info: Info,
        detector: Annotated[str, strawberry.argument(description="Name of its declaration.")],
        name: str = "",
        configuration: ConfigurationWanted | None = None,
        triggers: Triggers = None,
        events: Events = None,
        fields: Fields = None,
        tags: Tags = None,
        links: Annotated[
            list[int] | None,
            strawberry.argument(description="Links that must come: nothing passes them."),
        ] = None,
        feedback: Annotated[
            list[FeedbackWanted] | None,
            strawberry.argument(description="Triggers that may have the readout remove hits."),
        ] = None,
        readouts: Names = None,
        id: OrderId = None,  # noqa: A002 - the schema's name
        within: Within = WITHIN_S,
    ) -> Order:
        rules = info.context.app_state.rules
        known = available(rules.detectors)
        if detector not in known:
            raise UsageError(f"there is no detector {detector[:40]!r}; known: {', '.join(known)}")
        if any(not 0 <= link < 2**16 for link in links or ()):
            raise UsageError("links have the numbers 0 to 65535")
        declared = load(detector, rules.detectors)
        told, engine = settings_of(triggers, events), info.context.engine
        told["feedback"] = feedback_of(feedback)
        annotations = edit_of(fields, tags)

        def check(run: runs.Run) -> None:
            check_triggers(engine, run, told["triggers"], rules.folders)

        return await _ordered(
            info,
            lambda who: who.start(
                declared,
                name=name,
                cell=duration_ticks(rules.cell, declared.tick),
                settings=told,
                configuration=configuration.plain() if configuration else None,
                links=links or (),
                annotations=annotations,
                check=check,
            ),
            readouts,
            id,
            within,
        )

    @mutation("control", "Let another configuration hold, from a tick on or as soon as can be.")
    async def configure_run(
        self,
        info: Info,
        configuration: ConfigurationWanted,
        run: RunName = None,
        start: Annotated[
            Ticks | None, strawberry.argument(description="From this tick on: one yet to come.")
        ] = None,
        readouts: Names = None,
        id: OrderId = None,  # noqa: A002 - the schema's name
        within: Within = WITHIN_S,
    ) -> Order:
        return await _ordered(
            info,
            lambda who: who.configure(run, configuration.plain(), start),
            readouts,
            id,
            within,
        )

    @mutation("control", "Let the readouts end a run; it is closed when all that take it have.")
    async def stop_run(
        self,
        info: Info,
        run: RunName = None,
        anyway: Annotated[
            bool, strawberry.argument(description="Close it though readouts are silent or gone.")
        ] = False,
        readouts: Names = None,
        id: OrderId = None,  # noqa: A002 - the schema's name
        within: Within = WITHIN_S,
    ) -> Order:
        return await _ordered(info, lambda who: who.stop(run, anyway=anyway), readouts, id, within)


async def _ordered(
    info: Info,
    give: Callable[[Commander], OrderEntry],
    readouts: list[str] | None,
    order_id: str | None,
    within: float,
) -> Order:
    commander = Commander(
        info.context.engine,
        _redis(info),
        info.context.who.name,
        tuple(readouts or ()),
        order_id or secrets.token_hex(6),
        within,
    )
    return Order(entry=await info.context.app_state.ask_bulk(give, commander))


def _redis(info: Info) -> str:
    redis = info.context.app_state.rules.redis
    if not redis:
        raise UsageError(
            "no orders can be given here: this process knows no Redis over which readouts are"
            " reached; 'everyhit up' and 'everyhit api' serve where they can"
        )
    return redis

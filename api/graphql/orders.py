"""Orders to readouts, what they were told, and what they said: as the schema has it."""

from datetime import datetime
from typing import Any

import strawberry

from api.graphql.context import Info
from api.graphql.runs import Run
from api.graphql.scalars import Int64, Ticks
from db.catalogue.configurations import Configured
from db.catalogue.orders import OrderEntry
from db.catalogue.runs import find_run
from readout.control.configuration import Configuration, Prescale, configuration_of


@strawberry.input(description="Of the hits that meet a selection one in so many is kept.")
class PrescaleWanted:
    """As ``readout.control.configuration.Prescale``."""

    where: str = strawberry.field(description="A selection over a hit's columns, time apart.")
    keep_one_in: Int64 = strawberry.field(description="1 keeps all.")


@strawberry.input(description="What the readouts remove; it replaces all that held before.")
class ConfigurationWanted:
    """As ``readout.control.configuration.Configuration``."""

    masks: list[str] = strawberry.field(
        default_factory=list, description="Hits that meet any of these selections are removed."
    )
    prefilter: str = strawberry.field(
        default="", description="Hits that don't meet this are removed; empty keeps all."
    )
    prescales: list[PrescaleWanted] = strawberry.field(default_factory=list)

    def plain(self) -> Configuration:
        """Return it as the readout takes it."""
        scales = tuple(Prescale(each.where, each.keep_one_in) for each in self.prescales)
        return Configuration(tuple(self.masks), self.prefilter, scales)


@strawberry.type(name="Prescale", description="Of the hits that meet a selection some are kept.")
class PrescaleTold:
    """As ``readout.control.configuration.Prescale``."""

    where: str
    keep_one_in: Int64 = strawberry.field(description="1 keeps all.")


@strawberry.type(name="Configuration", description="What the readouts remove.")
class ConfigurationTold:
    """As ``readout.control.configuration.Configuration``."""

    masks: list[str]
    prefilter: str
    prescales: list[PrescaleTold]

    @classmethod
    def of(cls, plain: Any) -> "ConfigurationTold":
        """Make one of JSON."""
        whole = configuration_of(plain)
        scales = [PrescaleTold(where=p.where, keep_one_in=p.keep_1_in) for p in whole.prescales]
        return cls(masks=list(whole.masks), prefilter=whole.prefilter, prescales=scales)


@strawberry.type(description="What a readout said to an order.")
class Answer:
    """As ``readout.control.messages.Answer``."""

    readout: str
    done: bool = strawberry.field(description="False: it refused.")
    said: str = strawberry.field(description="Why it refused, or what there is to know.")
    tick: Ticks | None = strawberry.field(
        description="Of the run: from here on the configuration holds; here the readout ended."
    )
    at: datetime | None


@strawberry.type(description="An order to readouts, and what came of it.")
class Order:
    """As ``db.catalogue.orders.OrderEntry``."""

    entry: strawberry.Private[OrderEntry]

    @strawberry.field(description="Give an order again under its id, and it is not done twice.")
    def id(self) -> str:
        return self.entry.order_id

    @strawberry.field(description="start, stop or configure.")
    def kind(self) -> str:
        return self.entry.kind

    @strawberry.field(description="acknowledged by all, partly, or failed; given while it is open.")
    def state(self) -> str:
        return self.entry.state

    @strawberry.field(description="Who gave it.")
    def who(self) -> str:
        return self.entry.who

    @strawberry.field(description="When it was given.")
    def given_at(self) -> datetime:
        return self.entry.given_at

    @strawberry.field(description="The run it is about, as it is now.")
    async def run(self, info: Info) -> Run:
        return Run(run=await info.context.ask(find_run, info.context.engine, self.entry.run_id))

    @strawberry.field(description="What the readouts were told to remove; null: nothing was said.")
    def configuration(self) -> ConfigurationTold | None:
        told = self.entry.told.get("configuration")
        return None if told is None else ConfigurationTold.of(told)

    @strawberry.field(description="What each readout said.")
    def answers(self) -> list[Answer]:
        return [
            Answer(
                readout=name,
                done=said["done"],
                said=said["said"],
                tick=said["tick"],
                at=datetime.fromisoformat(said["at"]) if said["at"] else None,
            )
            for name, said in sorted(self.entry.answers.items())
        ]

    @strawberry.field(description="Readouts that were ordered and said nothing in time.")
    def silent(self) -> list[str]:
        return self.entry.silent


@strawberry.type(description="A readout that is alive and takes orders.")
class ReadoutTold:
    """What its heartbeat says."""

    name: str
    detector: str
    run: Int64 | None = strawberry.field(description="Number of the run that it takes, if any.")
    words: Int64 = strawberry.field(description="Words that the store has of this process.")
    without_run: Int64 = strawberry.field(
        description="Words that came while no run was on, and were dropped."
    )
    trouble: str = strawberry.field(description="What should worry somebody; empty if nothing.")


@strawberry.type(description="From which tick on a link was read out under a configuration.")
class ConfiguredLink:
    """As ``db.catalogue.configurations.Configured``."""

    link: int
    start: Ticks = strawberry.field(description="It holds from here until the link's next one.")
    order: str = strawberry.field(description="Id of the order.")
    who: str
    at: datetime = strawberry.field(description="When it was ordered.")
    configuration: ConfigurationTold

    @classmethod
    def of(cls, one: Configured) -> "ConfiguredLink":
        """Make one of a row."""
        return cls(
            link=one.link,
            start=one.from_t,
            order=one.order,
            who=one.who,
            at=datetime.fromisoformat(one.at),
            configuration=ConfigurationTold.of(one.configuration),
        )

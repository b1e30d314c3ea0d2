"""Alarms: what stopped that should go on, and who has seen it."""

from datetime import datetime
from enum import Enum
from typing import Annotated

import strawberry

from api.graphql.context import Info
from api.graphql.mutation import mutation
from db.catalogue import alarms
from db.errors import UsageError

LONGEST_COMMENT = 1000


@strawberry.enum(description="Whether somebody has seen an alarm, or it is over.")
class AlarmState(Enum):
    """As ``db.catalogue.alarms.State``."""

    RAISED = "raised"
    ACKNOWLEDGED = "acknowledged"
    CLEARED = "cleared"


@strawberry.type(description="Something that stopped.")
class Alarm:
    """As ``db.catalogue.alarms.Alarm``."""

    name: str = strawberry.field(description="What is watched: watermark, worker, shard, …")
    subject: str = strawberry.field(description="Which one of these.")
    state: AlarmState
    since: datetime = strawberry.field(
        description="When it stopped; of a cleared one, when it went on."
    )
    message: str = strawberry.field(description="What stopped, and what to look at.")
    acknowledged_by: str | None = strawberry.field(description="Who has seen it.")
    comment: str = strawberry.field(description="What they say of it.")

    @classmethod
    def of(cls, alarm: alarms.Alarm) -> "Alarm":
        """Make one of what the store has."""
        return cls(
            name=alarm.name,
            subject=alarm.subject,
            state=AlarmState(alarm.state),
            since=alarm.since,
            message=alarm.message,
            acknowledged_by=alarm.acknowledged_by or None,
            comment=alarm.note,
        )


@strawberry.type
class AlarmQueries:
    """What stopped."""

    @strawberry.field(description="The alarms that stand, oldest first.")
    async def alarms(
        self,
        info: Info,
        cleared: Annotated[
            bool, strawberry.argument(description="Also those that are over.")
        ] = False,
    ) -> list[Alarm]:
        found = await info.context.ask(alarms.list_alarms, info.context.engine, cleared=cleared)
        return [Alarm.of(alarm) for alarm in found]


@strawberry.type
class AlarmMutations:
    """What people do about it."""

    @mutation("acknowledge", "Say that you have seen an alarm. It stands until it is over.")
    async def acknowledge_alarm(
        self,
        info: Info,
        name: str,
        subject: Annotated[
            str | None, strawberry.argument(description="Default: all of this name.")
        ] = None,
        comment: Annotated[
            str, strawberry.argument(description="Who looks after it, and how.")
        ] = "",
    ) -> list[Alarm]:
        if len(comment) > LONGEST_COMMENT:
            raise UsageError(
                f"a comment has up to {LONGEST_COMMENT} characters, this has {len(comment)}"
            )
        seen = await info.context.ask(
            alarms.acknowledge, info.context.engine, name, subject, comment, info.context.who.name
        )
        return [Alarm.of(alarm) for alarm in seen]

"""Every mutation says what it needs, and is recorded, whether it was done, refused or failed."""

import dataclasses
import re
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any

import strawberry
from strawberry.extensions import FieldExtension

from api.access.roles import Act
from db.catalogue.audit import note
from db.json_text import json_text

LONGEST = 10_000
_PASSWORD = re.compile(r"://[^/@\s\"]+@")
"""In an address that somebody gives with it."""


class Recorded(FieldExtension):
    """Asks whether the role allows the act, lets it be done, and writes it down."""

    def __init__(self, act: Act) -> None:
        self.act = act

    async def resolve_async(  # type: ignore[override]  # an argument may be called source
        self,
        next_: Callable[..., Awaitable[Any]],
        source: Any,
        info: strawberry.Info[Any, Any],
        /,
        **kwargs: Any,
    ) -> Any:
        """Do it."""
        outcome = "done"
        try:
            info.context.who.need(self.act)
            return await next_(source, info, **kwargs)
        except Exception as fault:
            outcome = f"{type(fault).__name__}: {fault}"
            raise
        finally:
            await info.context.ask(
                note,
                info.context.engine,
                who=info.context.who.name,
                role=info.context.who.role,
                action=info.field_name,
                arguments=_PASSWORD.sub("://…@", json_text(kwargs, default=_plain))[:LONGEST],
                outcome=outcome[:LONGEST],
            )


def mutation(act: Act, description: str) -> Any:
    """Decorate the resolver of a mutation."""
    return strawberry.mutation(description=description, extensions=[Recorded(act)])


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return str(value)

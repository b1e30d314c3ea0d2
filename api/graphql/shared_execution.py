"""What many subscribers are told is worked out once, and written as JSON once.

They share it who asked with the same text and variables in the same role, and are told the same
object by a topic.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any, Generic, TypeVar

from graphql import OperationType
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from api.graphql.context import Context
from db.json_text import json_text

T = TypeVar("T")
_KEPT = 64


class _Last(Generic[T]):
    """Remembers the last few values of keys with the identities of objects in them.

    The objects are kept, too: as long as they are, nothing else has their identity.
    """

    def __init__(self) -> None:
        self._values: OrderedDict[Hashable, tuple[object, T]] = OrderedDict()

    def get(self, key: Hashable) -> T | None:
        found = self._values.get(key)
        return None if found is None else found[1]

    def put(self, key: Hashable, objects: object, value: T) -> None:
        self._values[key] = objects, value
        while len(self._values) > _KEPT:
            self._values.popitem(last=False)


_worked_out: _Last[Any] = _Last()
_written: _Last[str] = _Last()


class SharedExecution(StrawberryGraphQLCoreExecutionContext):
    """Works out what a topic tells once for all who asked the same."""

    def execute_operation(self, serially: bool | None = None) -> Any:
        """Return the result, or what can be awaited for it."""
        told, asker = self.root_value, self.context_value
        shared = self.operation.operation is OperationType.SUBSCRIPTION and told is not None
        if not shared or not isinstance(asker, Context):
            return super().execute_operation(serially)
        variables = repr(self.variable_values.coerced)
        key = (id(self.operation), id(told), variables, asker.who.role)
        result = _worked_out.get(key)
        if result is None:
            result = super().execute_operation(serially)
            if self.is_awaitable(result):
                result = asyncio.ensure_future(result)
            _worked_out.put(key, (self.operation, told), result)
        # One who goes away must not take it from the others.
        return asyncio.shield(result) if isinstance(result, asyncio.Future) else result


def write_message(message: dict[str, Any]) -> str:
    """Return a message to a subscriber as JSON; what is told to several is written once."""
    payload = message.get("payload")
    if message.get("type") != "next" or not isinstance(payload, dict) or set(payload) != {"data"}:
        return json_text(message, separators=(",", ":"))
    data = payload["data"]
    text = _written.get(id(data))
    if text is None:
        text = json_text(data, separators=(",", ":"))
        _written.put(id(data), data, text)
    number = json_text(message["id"])
    return f'{{"id":{number},"type":"next","payload":{{"data":{text}}}}}'

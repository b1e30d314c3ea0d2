"""The whole schema, put together from its topics."""

import sys
import traceback
from collections.abc import Iterator
from functools import partial
from operator import itemgetter
from typing import Any

import strawberry
import structlog
from graphql import GraphQLError
from strawberry.extensions import SchemaExtension
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from api.graphql.access import AccessMutations, AccessQueries
from api.graphql.alarms import AlarmMutations, AlarmQueries
from api.graphql.context import Context
from api.graphql.control import ControlMutations, ControlQueries
from api.graphql.detector import DetectorQueries
from api.graphql.limits import Checked
from api.graphql.live import Subscription
from api.graphql.posted import IngestMutations
from api.graphql.reprocess import ReprocessMutations, ReprocessQueries
from api.graphql.retention import RetentionMutations, RetentionQueries
from api.graphql.runs import RunMutations, RunQueries
from api.graphql.scalars import SCALARS
from api.graphql.shared_execution import SharedExecution
from api.graphql.triggers import TriggerMutations, TriggerQueries
from db.errors import EveryhitError

_log = structlog.get_logger()


@strawberry.type(description="What can be asked.")
class Query(
    RunQueries,
    ControlQueries,
    TriggerQueries,
    ReprocessQueries,
    DetectorQueries,
    RetentionQueries,
    AlarmQueries,
    AccessQueries,
):
    """All topics."""


@strawberry.type(description="What can be changed. Every change is recorded with who made it.")
class Mutation(
    RunMutations,
    ControlMutations,
    IngestMutations,
    TriggerMutations,
    ReprocessMutations,
    RetentionMutations,
    AlarmMutations,
    AccessMutations,
):
    """All topics."""


class Faults(SchemaExtension):
    """Gives errors meant for users their code; all others are logged here and told apart there."""

    def on_operation(self) -> Iterator[None]:
        """Look at the errors when all is done."""
        yield
        result = self.execution_context.result
        for error in getattr(result, "errors", None) or ():
            original = error.original_error
            if isinstance(original, EveryhitError):
                error.extensions = {"code": original.code}
            elif original is not None and not isinstance(original, GraphQLError):
                trace = "".join(traceback.format_exception(original))
                _log.error("a resolver failed", path=error.path, trace=trace)
                error.message = "internal error: see the server's log"
                error.extensions = {"code": "internal"}


class Schema(strawberry.Schema):
    """Leaves the logging of errors to ``Faults``, and equal questions to ``Answers``."""

    async def execute(
        self,
        query: str | None,
        variable_values: dict[str, Any] | None = None,
        context_value: Any | None = None,
        *rest: Any,
        **more: Any,
    ) -> Any:
        """Answer a request, from what was just answered if it is the same question."""
        ask = partial(super().execute, query, variable_values, context_value, *rest, **more)
        if query is None or not isinstance(context_value, Context):
            return await ask()
        answers = context_value.app_state.answers
        if "mutation" in query:  # as a name or within a string, too: that costs only time
            try:
                return await ask()
            finally:
                answers.forget()
        told = repr((variable_values, rest, sorted(more.items(), key=itemgetter(0))))
        question = (query, told, context_value.who)
        return await answers.ask(question, ask, lambda found: not found.errors)

    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        """Say nothing: users' mistakes are no errors of the server."""


schema = Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    config=StrawberryConfig(scalar_map=dict(SCALARS)),
    extensions=[Faults, Checked],
    execution_context_class=SharedExecution,
)

if __name__ == "__main__":
    sys.stdout.write(schema.as_str() + "\n")

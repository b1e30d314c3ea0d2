"""The whole schema, put together from its topics."""

import sys
import traceback
from collections.abc import Iterator

import strawberry
import structlog
from graphql import GraphQLError
from strawberry.extensions import SchemaExtension
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from api.access.schema import AccessMutations, AccessQueries
from api.alarms import AlarmMutations, AlarmQueries
from api.detector import DetectorQueries
from api.ingest import IngestMutations
from api.limits import BOUNDS
from api.live import Subscription
from api.retention import RetentionMutations, RetentionQueries
from api.runs import RunMutations, RunQueries
from api.scalars import SCALARS
from api.triggers import TriggerMutations, TriggerQueries
from db.errors import EveryhitError

_log = structlog.get_logger()


@strawberry.type(description="What can be asked.")
class Query(
    RunQueries, TriggerQueries, DetectorQueries, RetentionQueries, AlarmQueries, AccessQueries
):
    """All topics."""


@strawberry.type(description="What can be changed. Every change is recorded with who made it.")
class Mutation(
    RunMutations,
    IngestMutations,
    TriggerMutations,
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
    """Leaves the logging of errors to ``Faults``."""

    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        """Say nothing: users' mistakes are no errors of the server."""


schema = Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    config=StrawberryConfig(scalar_map=dict(SCALARS)),
    extensions=[Faults, *BOUNDS],
)

if __name__ == "__main__":
    sys.stdout.write(schema.as_str() + "\n")

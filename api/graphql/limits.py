"""Bounds on what one request in GraphQL may ask for, checked before anything is done."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import lru_cache

from graphql import DocumentNode, GraphQLError, GraphQLSchema, parse, specified_rules
from graphql.validation.rules import overlapping_fields_can_be_merged
from strawberry.extensions import SchemaExtension
from strawberry.schema.schema import validate_document

from api.graphql.cost import overweight

TOKENS = 4000
CHECK_S = 5.0
"""Seconds that a text is checked for at most."""
_KEPT = 64
# The one rule of the library's that compares fields in pairs, with a budget for it.
overlapping_fields_can_be_merged.MAX_COMPLEXITY_BUDGET = 50_000


class Checked(SchemaExtension):
    """Reads and checks a text beside the event loop: whoever else asks is answered meanwhile.

    A text that was asked before is not checked again.
    """

    _faults: list[GraphQLError]

    async def on_parse(self) -> AsyncIterator[None]:
        """Read and check; what can't be read, the reader that comes next tells."""
        context, self._faults = self.execution_context, []
        context.parse_options["max_tokens"] = TOKENS
        try:
            with suppress(GraphQLError):
                async with asyncio.timeout(CHECK_S):
                    schema = context.schema._schema
                    found = await asyncio.to_thread(checked, schema, context.query or "")
                context.graphql_document, self._faults = found
        except TimeoutError:
            problem = f"this takes more than {CHECK_S:g} s to check: ask for less at once"
            self._faults = [GraphQLError(problem, extensions={"code": "cost"})]
        yield

    async def on_validate(self) -> AsyncIterator[None]:
        """Hand over what was found."""
        self.execution_context.pre_execution_errors = self._faults
        yield


@lru_cache(maxsize=_KEPT)
def checked(schema: GraphQLSchema, text: str) -> tuple[DocumentNode, list[GraphQLError]]:
    """Return the document and what is wrong with it; raises GraphQLError if it can't be read.

    What is too much is told before the rules of the schema are asked: some take long over it.
    """
    document = parse(text, max_tokens=TOKENS)
    if faults := list(overweight(document)):
        return document, faults
    found = validate_document(schema, document, tuple(specified_rules))
    # Whatever a type made of a value, the asker wrote the value: it is no fault of a resolver's.
    return document, [GraphQLError(fault.message[:1000], fault.nodes) for fault in found]

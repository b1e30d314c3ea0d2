"""Bounds on what one request in GraphQL may ask for, checked before anything is done."""

from collections.abc import Callable

from graphql import (
    ASTValidationRule,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValidationContext,
    ValidationRule,
)
from strawberry.extensions import (
    AddValidationRules,
    MaxAliasesLimiter,
    MaxTokensLimiter,
    QueryDepthLimiter,
    SchemaExtension,
)

from api.graphql.connection import MOST

DEPTH = 8
ALIASES = 30
TOKENS = 4000
COST = 50_000
DEFAULT_PAGE = 100
STATEMENT = 200
"""What a field that asks the store weighs against one that is at hand."""
# Fields that ask the store each time, and can't be gathered.
_ASKS = frozenset(
    {
        "alarms",
        "candidates",
        "dryRun",
        "event",
        "events",
        "gaps",
        "histogram",
        "lineages",
        "liveTime",
        "occupancy",
        "pins",
        "policies",
        "rates",
        "retentionPlan",
        "totalCount",
        "triggers",
        "windows",
    }
)


class CostRule(ValidationRule):
    """Refuses operations that cost too much: fields times the rows they are asked for.

    A field costs 1, one that asks the store 200, and the fields below a page as often as the page
    has rows. A page's size in a variable counts as the largest.
    """

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self._fragments = _fragments(context.document)

    def enter_operation_definition(self, node: OperationDefinitionNode, *_: object) -> None:
        """Add up an operation."""
        cost = self._cost(node.selection_set, frozenset(), 1)
        if cost > COST:
            problem = f"this costs {cost}, more than {COST}: ask for smaller pages or fewer fields"
            self.report_error(GraphQLError(problem, node, extensions={"code": "cost"}))

    def _cost(self, selections: SelectionSetNode | None, within: frozenset[str], rows: int) -> int:
        """Add up what stands below a field whose page has so many rows."""
        total = 0
        for node in selections.selections if selections else ():
            if isinstance(node, FieldNode):
                name = node.name.value
                times = rows if name == "edges" else 1
                total += STATEMENT if name in _ASKS else 1
                total += times * self._cost(node.selection_set, within, _rows(node))
            elif isinstance(node, FragmentSpreadNode):
                name = node.name.value
                if name in self._fragments and name not in within:
                    inside = self._fragments[name].selection_set
                    total += self._cost(inside, within | {name}, rows)
            elif isinstance(node, InlineFragmentNode):
                total += self._cost(node.selection_set, within, rows)
            if total > 100 * COST:
                break
        return total


# Made once: what was found about a text is known again only under the same rules.
_RULES: list[type[ASTValidationRule]] = [
    CostRule,
    *QueryDepthLimiter(max_depth=DEPTH).validation_rules,
    *MaxAliasesLimiter(max_alias_count=ALIASES).validation_rules,
]
BOUNDS: list[Callable[[], SchemaExtension]] = [
    lambda: MaxTokensLimiter(max_token_count=TOKENS),
    lambda: AddValidationRules(_RULES),
]
"""All of them, as extensions of a schema."""


def _rows(node: FieldNode) -> int:
    """How many rows a page has, at most."""
    for argument in node.arguments or ():
        if argument.name.value == "first":
            given = argument.value
            return min(int(given.value), MOST) if isinstance(given, IntValueNode) else MOST
    return DEFAULT_PAGE


def _fragments(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    return {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }

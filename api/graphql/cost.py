"""What a GraphQL document costs, found out before anything of it is done.

Fragments are weighed once, however often they are spread, and each node of the text is looked at
once: so weighing takes as long as the text, whatever it would expand to.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    IntValueNode,
    Node,
    OperationDefinitionNode,
    SelectionSetNode,
)

from api.graphql.connection import MOST

DEPTH = 8
ALIASES = 30
FRAGMENTS = 50
SPREADS = 100
COST = 50_000
DEFAULT_PAGE = 100
STATEMENT = 200
"""What a field that asks the store weighs against one that is at hand."""
INTROSPECTION = 20_000
"""What the schema itself weighs: it is written while nobody else is answered."""
FAR = 10**9
"""Weights end here: what is beyond is refused anyway."""
# Fields that ask the store each time, and can't be gathered.
_ASKS = frozenset(
    {
        "alarms",
        "broughtBy",
        "candidates",
        "comparison",
        "coverage",
        "dryRun",
        "elements",
        "event",
        "eventAt",
        "events",
        "gaps",
        "histogram",
        "histogram2d",
        "history",
        "homes",
        "lineages",
        "liveTime",
        "newestEvent",
        "next",
        "occupancy",
        "pins",
        "policies",
        "previous",
        "profile",
        "rates",
        "retentionPlan",
        "selection",
        "shards",
        "totalCount",
        "triggers",
        "windows",
    }
)


@dataclass(frozen=True)
class Weight:
    """Of a selection with all its fragments written out.

    It costs ``fixed + rows * per_row`` below a field whose page has so many rows.
    """

    fixed: int = 0
    per_row: int = 0
    aliases: int = 0
    depth: int = 0
    """Fields with fields below them, one in another."""

    def __add__(self, other: "Weight") -> "Weight":
        """Return the weight of both side by side."""
        return Weight(
            min(FAR, self.fixed + other.fixed),
            min(FAR, self.per_row + other.per_row),
            min(FAR, self.aliases + other.aliases),
            max(self.depth, other.depth),
        )

    def of(self, rows: int) -> int:
        """Return the cost below a page of so many rows."""
        return min(FAR, self.fixed + rows * self.per_row)


class Scales:
    """Weighs selections of one document.

    Raises GraphQLError for what can't be weighed: fragments that lead to themselves, nested or
    spread too often, and pages of no rows.
    """

    def __init__(self, document: DocumentNode) -> None:
        self._fragments = {
            node.name.value: node
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        if len(self._fragments) > FRAGMENTS:
            raise _refused(f"this has {len(self._fragments)} fragments, more than {FRAGMENTS}")
        self._known: dict[str, Weight | None] = {}
        """None of a fragment that is being weighed."""
        self._spreads = 0
        self.visits = 0
        """Nodes that were looked at."""

    def weigh(self, selections: SelectionSetNode | None) -> Weight:
        """Return what stands in braces weighs."""
        total = Weight()
        for node in selections.selections if selections else ():
            self.visits += 1
            if isinstance(node, FieldNode):
                total += self._field(node)
            elif isinstance(node, FragmentSpreadNode):
                total += self._fragment(node)
            elif isinstance(node, InlineFragmentNode):
                total += self.weigh(node.selection_set)
        return total

    def _field(self, node: FieldNode) -> Weight:
        below, name = self.weigh(node.selection_set), node.name.value
        own = STATEMENT if name in _ASKS else INTROSPECTION if name == "__schema" else 1
        cost = below.of(_rows(node))
        # Introspection has a bound of its own on how deep it goes.
        nested = 1 + below.depth if node.selection_set and not name.startswith("__") else 0
        return Weight(
            fixed=min(FAR, own + (0 if name == "edges" else cost)),
            per_row=cost if name == "edges" else 0,
            aliases=below.aliases + (node.alias is not None),
            depth=nested,
        )

    def _fragment(self, node: FragmentSpreadNode) -> Weight:
        name = node.name.value
        self._spreads += 1
        if self._spreads > SPREADS:
            raise _refused(f"this spreads fragments more than {SPREADS} times", node)
        if name not in self._fragments:
            return Weight()  # who reads the schema beside it says so
        if name not in self._known:
            self._known[name] = None
            self._known[name] = self.weigh(self._fragments[name].selection_set)
        found = self._known[name]
        if found is None:
            raise _refused(f"the fragment {name} spreads itself", node)
        return found


def overweight(document: DocumentNode) -> Iterator[GraphQLError]:
    """Yield for each operation what is too much about it."""
    try:
        scales = Scales(document)
        for node in document.definitions:
            if isinstance(node, OperationDefinitionNode):
                weight = scales.weigh(node.selection_set)
                yield from (_refused(line, node) for line in _too_much(weight))
    except GraphQLError as fault:
        yield fault


def _too_much(weight: Weight) -> Iterator[str]:
    cost = weight.of(1)
    if cost > COST:
        shown = f"{cost}" if cost < FAR else f"{FAR} and more"
        yield f"this costs {shown}, more than {COST}: ask for smaller pages or fewer fields"
    if weight.aliases > ALIASES:
        yield f"this has {weight.aliases} aliases, more than {ALIASES}"
    if weight.depth > DEPTH:
        yield f"this exceeds the depth of {DEPTH}: fields stand in fields {weight.depth} deep"


def _rows(node: FieldNode) -> int:
    """How many rows a page has, at most; as many as can be when a variable says it."""
    for argument in node.arguments or ():
        if argument.name.value == "first":
            given = argument.value
            if not isinstance(given, IntValueNode):
                return MOST
            # A number of many digits is no smaller than one of five.
            rows = int(given.value[:6])
            if rows < 1:
                raise _refused(
                    f"first: {given.value[:20]}: ask for 1 to {MOST} rows", node, code="usage"
                )
            return min(rows, MOST)
    return DEFAULT_PAGE


def _refused(problem: str, node: Node | None = None, code: str = "cost") -> GraphQLError:
    return GraphQLError(problem, node, extensions={"code": code})

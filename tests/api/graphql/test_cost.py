"""What a document weighs equals what it weighs written out; weighing takes as long as the text."""

import pytest
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    parse,
)
from hypothesis import given
from hypothesis import strategies as st

from api.graphql.connection import MOST
from api.graphql.cost import (
    _ASKS,
    ALIASES,
    COST,
    DEFAULT_PAGE,
    FAR,
    INTROSPECTION,
    STATEMENT,
    Scales,
    overweight,
)

NAMES = ["me", "name", "runs", "edges", "node", "gaps", "rates", "__schema", "types"]


def selections(spreads, most=3):
    """Selections that may spread what is named, nested a few deep."""
    leaf = st.sampled_from(NAMES) | st.sampled_from(NAMES).map("a: {}".format)
    if spreads:
        leaf = leaf | st.sampled_from(spreads).map("...{}".format)
    first = st.sampled_from(["", "(first: 1)", "(first: 7)", "(first: 5000)", "(first: $n)"])

    def nested(inner):
        fields = st.lists(inner, min_size=1, max_size=most).map(" ".join)
        named = st.builds(
            "{}{} {{ {} }}".format, leaf.filter(lambda x: "..." not in x), first, fields
        )
        return named | fields.map("... {{ {} }}".format)

    return st.lists(st.recursive(leaf, nested, max_leaves=6), min_size=1, max_size=most).map(
        " ".join
    )


@st.composite
def documents(draw):
    """An operation and fragments, each of which spreads only those that come later."""
    names = [f"f{k}" for k in range(draw(st.integers(0, 4)))]
    parts = ["query($n: Int) { " + draw(selections(names)) + " }"]
    for k, name in enumerate(names):
        parts.append(f"fragment {name} on Query {{ {draw(selections(names[k + 1 :]))} }}")
    return "\n".join(parts)


def written_out(selection_set, fragments):
    """Selections with the fields of fragments in place of them."""
    out = []
    for node in selection_set.selections if selection_set else ():
        if isinstance(node, FieldNode):
            out.append(node)
        elif isinstance(node, InlineFragmentNode):
            out += written_out(node.selection_set, fragments)
        elif isinstance(node, FragmentSpreadNode):
            out += written_out(fragments[node.name.value].selection_set, fragments)
    return out


def slow(selection_set, fragments, rows):
    """Cost, aliases and depth, field by field."""
    cost = aliases = depth = 0
    for node in written_out(selection_set, fragments):
        page = DEFAULT_PAGE
        for argument in node.arguments or ():
            known = isinstance(argument.value, IntValueNode)
            page = min(MOST, int(argument.value.value)) if known else MOST
        below = slow(node.selection_set, fragments, page)
        name = node.name.value
        cost += STATEMENT if name in _ASKS else INTROSPECTION if name == "__schema" else 1
        cost += below[0] * (rows if name == "edges" else 1)
        aliases += below[1] + bool(node.alias)
        if node.selection_set and not name.startswith("__"):
            depth = max(depth, 1 + below[2])
    return cost, aliases, depth


def parts(document):
    fragments = {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    (operation,) = (n for n in document.definitions if isinstance(n, OperationDefinitionNode))
    return operation.selection_set, fragments


@given(documents())
def test_weights_equal_those_of_the_document_written_out(text):
    document = parse(text)
    weight = Scales(document).weigh(parts(document)[0])
    cost, aliases, depth = slow(*parts(document), 1)
    assert (weight.of(1), weight.aliases, weight.depth) == (min(FAR, cost), aliases, depth)


def doubling(n, spread="...f{k} ...f{k}"):
    """Fragments each of which spreads the next one twice."""
    chain = [f"fragment f{k} on Query {{ {spread.replace('{k}', str(k + 1))} }}" for k in range(n)]
    return "\n".join(["{ ...f0 }", *chain, f"fragment f{n} on Query {{ me {{ name }} }}"])


@pytest.mark.parametrize(
    "text",
    [
        doubling(40),
        doubling(40, "a: me { ...f{k} } b: me { ...f{k} }"),
        doubling(40, "... { ... { ...f{k} ...f{k} } }"),
        "{" + "me { name } " * 900 + "}",
        "{ " + "... { " * 190 + "me { name }" + " }" * 190 + " }",
    ],
)
def test_each_node_is_looked_at_once_whatever_the_text_expands_to(text):
    document = parse(text)
    scales = Scales(document)
    scales.weigh(parts(document)[0])
    nodes = text.count("me") + text.count("name") + text.count("...")
    assert scales.visits <= nodes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (doubling(20), "costs"),
        (doubling(49), "costs 1000000000 and more"),
        (doubling(60), "61 fragments"),
        ("{" + " ...a" * 101 + " } fragment a on Query { me { name } }", "spreads fragments more"),
        ("{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }", "spreads itself"),
        ("{" + " ".join(f"a{k}: runs {{ totalCount }}" for k in range(900)) + "}", "costs 180900"),
        ("{" + " ".join(f"a{k}: me {{ name }}" for k in range(900)) + "}", f"more than {ALIASES}"),
        ("{ runs(first: -10000000) { edges { node { gaps { totalCount } } } } }", "1 to 1000 rows"),
        ("{" + "node {" * 9 + "name" + "}" * 9 + "}", "depth of 8"),
    ],
)
def test_what_is_too_much_is_told(text, said):
    told = [fault.message for fault in overweight(parse(text))]
    assert any(said in line for line in told), told


def test_what_costs_as_much_as_may_be_passes():
    n = COST // 2
    assert not list(overweight(parse("{" + "me { name } " * (n // 100) + "}")))


def test_a_fragment_that_is_not_there_is_for_the_schema_s_rules():
    assert not list(overweight(parse("{ ...nowhere }")))


def test_weighing_ends_where_it_can_t_be_known():
    with pytest.raises(GraphQLError, match="spreads itself"):
        Scales(parse("{ ...a } fragment a on Query { ...a }")).weigh(
            parts(parse("{ ...a } fragment a on Query { me { name } }"))[0]
        )

"""Whatever is asked, the server answers: with data, or with a line for the asker, never a fault.

Queries are made from the schema itself, and every argument that takes text gets text that would
break out of SQL, JSON, a path or a terminal if anything let it.
"""

import json
from urllib.parse import quote

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    Undefined,
    get_named_type,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from subscriptions import ask, opened

from api.graphql.schema import schema

pytestmark = pytest.mark.slow

NASTY = [
    "'",
    "' OR 1=1 --",
    "'; DROP TABLE runs; --",
    '"',
    "`",
    "\\",
    "\\'",
    "{run:UInt32}",
    "{x:Identifier}",
    "%s%n",
    "../../etc/passwd",
    "\x00",
    "\n\t\r",
    "\ud7ff\uffff",
    "☃",
    "a" * 3000,
    "1e999",
    "-0",
    "9" * 40,
    "1 h",
    "-5 s",
    "9999999 d",
    "2026-11-21T10:00:00Z",
    "True",
    "t",
    "t < 0 or t >= 0",
    "__import__('os').system('true')",
    "(" * 500,
    "hits",
    "segments",
    "events",
    "SELECT * FROM tokens",
    "-- trigger: x\n-- reach: 0 ns\nSELECT t FROM everyhit.tokens",
    "-- trigger: x\n-- reach: 0 ns\nSELECT t FROM hits WHERE file('/etc/passwd') = ''",
    "WzEsIDJd",
    "bnVsbA",
    "",
]
text = st.sampled_from(NASTY) | st.text(max_size=30)
whole = st.sampled_from([0, 1, -1, 2, 2**31 - 1, -(2**31), 1000, 1001]) | st.integers(-5, 50)
SCALARS = {
    "String": text,
    "ID": text,
    "Int": whole,
    "Float": st.sampled_from([0.0, -1.5, 1e300, 1e-300]) | st.floats(-1e6, 1e6),
    "Boolean": st.booleans(),
    "Ticks": st.integers(-(2**63), 2**63 - 1).map(str) | whole | text,
    "Int64": st.integers(-(2**63), 2**64 - 1).map(str),
    "Moment": text | whole,
    "DateTime": st.sampled_from(["2026-11-21T10:00:00Z", "1900-01-01T00:00:00", "soon"]),
    "JSON": st.sampled_from([{}, {"max_chi2": 5}, [], 1, "x", None, {"a": {"b": 1}}])
    | st.dictionaries(text, text | whole, max_size=2),
}


def value(kind):
    """Values for an argument of a type."""
    if isinstance(kind, GraphQLNonNull):
        return value(kind.of_type)
    if isinstance(kind, GraphQLList):
        return st.lists(value(kind.of_type), max_size=2)
    if isinstance(kind, GraphQLEnumType):
        return st.sampled_from(sorted(kind.values)).map(_Name)
    if isinstance(kind, GraphQLInputObjectType):
        return st.fixed_dictionaries(
            {
                n: value(f.type)
                for n, f in kind.fields.items()
                if isinstance(f.type, GraphQLNonNull)
            },
            optional={
                n: value(f.type)
                for n, f in kind.fields.items()
                if not isinstance(f.type, GraphQLNonNull)
            },
        )
    return SCALARS[kind.name]


class _Name(str):
    """A value of an enumeration: written bare."""


def written(given) -> str:
    """A value as GraphQL writes it."""
    if isinstance(given, _Name):
        return str(given)
    if isinstance(given, dict):
        named = (f"{n}: {written(v)}" for n, v in given.items() if n.isidentifier() and n.isascii())
        return "{" + ", ".join(named) + "}"
    if isinstance(given, list):
        return "[" + ", ".join(map(written, given)) + "]"
    return json.dumps(given)


@st.composite
def selection(draw, kind: GraphQLObjectType, depth: int) -> str:
    """A few fields of a type, with arguments, and what is below them."""
    simple = {n: f for n, f in kind.fields.items() if not hasattr(get_named_type(f.type), "fields")}
    usable = kind.fields if depth else simple
    names = draw(st.lists(st.sampled_from(sorted(usable)), min_size=1, max_size=3, unique=True))
    parts = []
    for name in names:
        field = kind.fields[name]
        arguments = {
            n: draw(value(a.type))
            for n, a in field.args.items()
            if (isinstance(a.type, GraphQLNonNull) and a.default_value is None)
            or draw(st.booleans())
        }
        given = ", ".join(f"{n}: {written(v)}" for n, v in arguments.items())
        below = get_named_type(field.type)
        inside = draw(selection(below, depth - 1)) if hasattr(below, "fields") else ""
        parts.append(
            name + (f"({given})" if given else "") + (f" {{ {inside} }}" if inside else "")
        )
    return " ".join(parts)


def fine(answer) -> None:
    """An answer with data or with complaints, none of them about the server's inside."""
    assert answer.status_code in (200, 400), answer.text[:500]
    told = answer.json()
    for error in told.get("errors") or ():
        code = error.get("extensions", {}).get("code")
        assert code != "internal", error
        assert code in (
            None,
            "usage",
            "selection",
            "sql",
            "trigger",
            "declaration",
            "store",
            "cost",
            "access",
        )
        assert "Traceback" not in error["message"]


quick = settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@given(data=st.data())
@quick
def test_every_query_is_answered(http, run, data):
    below = data.draw(selection(schema._schema.query_type, 5))
    fine(http.post("/graphql", json={"query": "{ " + below + " }"}))


@given(data=st.data())
@quick
def test_every_field_of_a_run_takes_anything_for_its_arguments(http, run, data):
    kind = schema._schema.type_map["Run"]
    below = data.draw(selection(kind, 4))
    fine(http.post("/graphql", json={"query": f'{{ run(which: "{run.run_id}") {{ {below} }} }}'}))


@given(data=st.data())
@quick
def test_every_mutation_takes_anything_for_its_arguments(http, run, data):
    names = sorted(set(schema._schema.mutation_type.fields) - {"createToken", "openRun"})
    field = schema._schema.mutation_type.fields[data.draw(st.sampled_from(names))]
    name = next(n for n, f in schema._schema.mutation_type.fields.items() if f is field)
    given_ = {n: data.draw(value(a.type)) for n, a in field.args.items()}
    told = ", ".join(f"{n}: {written(v)}" for n, v in given_.items())
    fine(http.post("/graphql", json={"query": f"mutation {{ {name}({told}) {{ __typename }} }}"}))


@pytest.mark.parametrize("nasty", NASTY)
def test_nothing_in_a_text_reaches_sql(http, engine, run, nasty):
    """In every argument of type String: what is there before is there after."""
    tables = "SELECT name FROM system.tables WHERE database = 'everyhit' ORDER BY name"
    before = engine.fetch(tables)["name"].to_pylist()
    q = json.dumps(nasty)
    number = run.run_id
    for query in (
        f"{{ runs(wanted: {{nameContains: {q}, detector: {q}}}) {{ totalCount }} }}",
        f"{{ run(which: {q}) {{ name }} }}",
        f"{{ trigger(name: {q}) {{ name }} detector(name: {q}) {{ name }} }}",
        f'{{ run(which: "{number}") {{ lineages(trigger: {q}) {{ lineage }} '
        f'candidates(trigger: "segments", lineage: {q}) {{ totalCount }} '
        f"events(where: {q}) {{ totalCount }} histogram(column: {q}, of: {q}) {{ low }} }} }}",
        f"{{ dryRun(source: {q}) {{ count problems {{ message }} }} }}",
        f'mutation {{ annotateRun(run: "{number}", note: {q}) {{ note }} revokeToken(tokenId: {q}) {{ name }} }}',
    ):
        fine(http.post("/graphql", json={"query": query}))
    for where in ("where", "start", "stop", "columns", "lineage", "trigger", "format"):
        answer = http.get(
            f"/export/{number}/candidates", params={"trigger": "segments", where: nasty}
        )
        assert answer.status_code in (200, 400), answer.text
    path = quote(nasty, safe="")
    assert http.get(f"/export/{path}/hits").status_code in (200, 400, 404)
    assert http.get(f"/export/{number}/{path}").status_code in (200, 400, 404)
    key = {"Content-Type": "application/octet-stream", "Idempotency-Key": "x"}
    assert http.post(f"/ingest/{path}/0", content=bytes(8), headers=key).status_code in (400, 404)
    assert http.post("/query", json={"sql": nasty, "run": number}).status_code in (200, 400)
    after = engine.fetch(tables)["name"].to_pylist()
    assert set(after) >= set(before)
    told = {"runs", "tokens", "audit", "posts", "ledger", "chunks"}
    assert told <= set(after)


PLAIN = {
    "Boolean": "false",
    "Int": "1",
    "Ticks": '"0"',
    "Role": "VIEWER",
    "String": '"no such thing"',
    "[Wanted!]": "[]",
    "ConfigurationWanted": "{}",
}


def text_arguments():
    """Every argument in the schema that takes text: where it stands, its field, its name."""
    kinds = schema._schema.type_map
    for kind in ("Query", "Run", "Mutation"):
        for name, field in kinds[kind].fields.items():
            if name in ("createToken", "openRun"):  # what they make would stay for other tests
                continue
            for argument, told in field.args.items():
                if get_named_type(told.type).name in ("String", "Moment", "ID"):
                    yield kind, name, argument


@pytest.mark.parametrize(("kind", "name", "argument"), sorted(text_arguments()))
def test_no_argument_of_text_reaches_sql(http, engine, run, kind, name, argument):
    """All nasty texts in one argument, twenty in a request; nothing in the store is gone."""
    tables = "SELECT name FROM system.tables WHERE database = currentDatabase()"
    before = set(engine.fetch(tables)["name"].to_pylist())
    field = schema._schema.type_map[kind].fields[name]
    others = {
        n: PLAIN[str(a.type).rstrip("!")]
        for n, a in field.args.items()
        if isinstance(a.type, GraphQLNonNull) and n != argument and str(a.type).endswith("!")
        and a.default_value in (None, Undefined)
    }  # fmt: skip
    if "trigger" in others:
        others["trigger"] = '"segments"'
    below = " { __typename }" if hasattr(get_named_type(field.type), "fields") else ""
    calls = []
    for k, nasty in enumerate(NASTY):
        given_ = ", ".join(f"{n}: {v}" for n, v in (others | {argument: json.dumps(nasty)}).items())
        calls.append(f"a{k}: {name}({given_}){below}")
    for k in range(0, len(calls), 20):
        together = " ".join(calls[k : k + 20])
        opened = {"Query": "{ ", "Mutation": "mutation { "}
        around = opened.get(kind, f'{{ run(which: "{run.run_id}") {{ ')
        fine(
            http.post("/graphql", json={"query": around + together + " }" + " }" * (kind == "Run")})
        )
    assert set(engine.fetch(tables)["name"].to_pylist()) >= before


@pytest.mark.parametrize("argument", ["run", "trigger", "where"])
def test_no_argument_of_a_subscription_reaches_sql(url, tokens, run, argument):
    given_ = {"run": str(run.run_id), "trigger": "events", "where": ""}
    with opened(url, tokens["viewer"]) as socket:
        assert json.loads(socket.recv(timeout=20))["type"] == "connection_ack"
        for k, nasty in enumerate(NASTY):
            told = ", ".join(
                f"{n}: {json.dumps(v)}" for n, v in (given_ | {argument: nasty}).items()
            )
            ask(socket, f"subscription {{ newEvents({told}) {{ number }} }}", str(k))
            while (message := json.loads(socket.recv(timeout=20)))["id"] != str(k):
                pass
            payload = message["payload"]
            errors = payload if message["type"] == "error" else payload.get("errors") or []
            for error in errors:
                code = (error.get("extensions") or {}).get("code")
                assert code in ("usage", "selection", "sql", "store", None), error
                assert "Traceback" not in error["message"]
            socket.send(json.dumps({"type": "complete", "id": str(k)}))

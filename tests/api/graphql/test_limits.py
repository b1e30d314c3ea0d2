"""What one request may ask for."""

import json
import threading
import time
from dataclasses import replace

import httpx
import pytest
from graphql import get_named_type
from subscriptions import ask, opened

from api.graphql import limits
from api.graphql.cost import DEPTH
from api.graphql.schema import schema
from everyhit import ApiError


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("{" + " ".join(f"a{i}: me {{ name }}" for i in range(31)) + "}", "aliases"),
        ("{ me { " + "name " * 5000 + "} }", "token"),
        (
            "{ runs(first: 1000) { edges { node { gaps(first: 1000) { edges { node { link } } } } } } }",
            "costs",
        ),
        (
            "query($n: Int!) { runs(first: $n) { edges { node { occupancy { hits } } } } }",
            "costs",
        ),
        (
            "{ ...a ...a ...a } fragment a on Query { runs(first: 100) { edges { node {"
            ' rates { bins } liveTime events { totalCount } histogram(column: "t") { low } } } } }',
            "costs",
        ),
        ("{ ...a } fragment a on Query { me { name } ...a }", "spreads itself"),
        ("{ runs(first: -10000000) { edges { node { name } } } }", "1 to 1000 rows"),
        ("{ runs(first: 0) { edges { node { name } } } }", "1 to 1000 rows"),
        ("{ runs(first: " + "9" * 5000 + ") { edges { node { gaps { totalCount } } } } }", "costs"),
        ("{" + " ".join(f"a{i}: __schema {{ types {{ name }} }}" for i in range(3)) + "}", "costs"),
        ("{ run { nothing } }", "Cannot query field"),
        ("{ run { ", "Syntax"),
        ("", "query|Syntax"),
    ],
)
def test_what_costs_too_much_is_refused_unseen(client, query, said):
    with pytest.raises(ApiError, match=f"(?i){said}"):
        client.graphql(query, {"n": 1000} if "$n" in query else None)


def test_introspection_can_t_go_round_in_circles(client):
    round_and_round = "fields { type { " * 4 + "name" + " } }" * 4
    with pytest.raises(ApiError, match="introspection depth|too deep|exceeds"):
        client.graphql("{ __schema { types { " + round_and_round + " } } }")


def test_nothing_in_the_schema_leads_back_to_where_it_came_from():
    """So a query can't be deep; the bound on depth is for the day when something does."""
    below: dict[str, set[str]] = {}
    for name, kind in schema._schema.type_map.items():
        if not name.startswith("__") and hasattr(kind, "fields"):
            below[name] = {get_named_type(field.type).name for field in kind.fields.values()}

    def deepest(name: str, path: tuple[str, ...]) -> int:
        assert name not in path, f"{name} leads to itself: {path}"
        return 1 + max((deepest(n, (*path, name)) for n in below.get(name, ())), default=0)

    assert deepest("Query", ()) - 1 <= DEPTH


def test_a_long_body_is_refused(http):
    answer = http.post("/query", json={"sql": "SELECT 1 -- " + "x" * 200_000, "run": 1})
    assert answer.status_code == 422


def test_bounds_of_user_sql_hold(http, run, app_state, monkeypatch):
    if not app_state.store.owned:
        pytest.skip("on servers the reader's own bounds hold: see test_reader")
    ask = {"run": run.run_id, "sql": "SELECT count() FROM hits AS a, hits AS b, hits AS c"}
    monkeypatch.setattr(app_state, "rules", replace(app_state.rules, seconds=0.5))
    answer = http.post("/query", json=ask)
    assert answer.status_code == 400
    assert answer.json()["code"] == "store"
    assert "TIMEOUT" in answer.json()["message"] or "imeout" in answer.json()["message"]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM tokens",
        "SELECT * FROM everyhit.tokens",
        "SELECT * FROM system.tables",
        "SELECT * FROM file('/etc/passwd')",
        "SELECT * FROM url('http://127.0.0.1/')",
        "DROP TABLE runs",
        "SELECT 1; SELECT 2",
        "SELECT * FROM hits SETTINGS max_execution_time = 0",
        "WITH tokens AS (SELECT 1 AS x) SELECT * FROM tokens",
        "WITH posts AS (SELECT 1 AS x) SELECT * FROM posts",
        "SELECT t FROM hits INTO OUTFILE '/tmp/x'",
        "INSERT INTO runs SELECT * FROM runs",
    ],
)
def test_user_sql_reads_what_it_is_given_and_nothing_else(client, run, sql):
    with pytest.raises(ApiError) as told:
        client.query(sql, run.run_id)
    assert told.value.code == "sql"


def test_errors_show_nothing_of_the_server_s_inside(http, app_state, monkeypatch):
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret path /srv/x")

    with monkeypatch.context() as patch:
        patch.setattr("api.graphql.context.Context.ask", broken)
        answer = http.post("/graphql", json={"query": "{ runs { totalCount } }"})
    assert "secret" not in answer.text
    assert answer.json()["errors"][0]["extensions"]["code"] == "internal"
    assert httpx.codes.is_success(answer.status_code)


def test_a_question_that_takes_too_long_is_given_up(client, app_state, run, monkeypatch):
    monkeypatch.setattr("api.graphql.rates.count_rates", lambda *_: time.sleep(1.0))
    monkeypatch.setattr(app_state, "rules", replace(app_state.rules, seconds=0.2))
    with pytest.raises(ApiError, match="more than 0.2 s") as told:
        client.graphql(f'{{ run(which: "{run.run_id}") {{ rates {{ bins }} }} }}')
    assert told.value.code == "usage"


def test_whoever_runs_sql_keeps_nobody_waiting(
    client, http, url, tokens, app_state, run, monkeypatch
):
    go_on, waiting = threading.Event(), threading.Barrier(app_state.rules.threads)

    def slow(_, question):
        if question.sql == "SELECT 1":
            if not go_on.is_set():
                waiting.wait(20)
            go_on.wait(20)
        return b"", {}

    monkeypatch.setattr("api.http.query._answer", slow)
    headers = {"Authorization": f"Bearer {tokens['viewer']}"}

    def ask():
        httpx.post(f"{url}/query", json={"sql": "SELECT 1"}, headers=headers, timeout=60)

    threads = [threading.Thread(target=ask) for _ in range(app_state.rules.threads)]
    for thread in threads:
        thread.start()
    waiting.wait(20)  # all threads that one client may have for such work are taken
    try:
        other = {"Authorization": f"Bearer {tokens['physicist']}"}
        answer = httpx.post(f"{url}/query", json={"sql": "SELECT 2"}, headers=other, timeout=20)
        assert answer.status_code == 200
        assert client.graphql("{ runs { totalCount } }")["runs"]["totalCount"] >= 1
    finally:
        go_on.set()
        for thread in threads:
            thread.join()


def test_a_text_that_takes_long_to_check_keeps_nobody_waiting(http, monkeypatch):
    go_on, begun = threading.Event(), threading.Event()
    real = limits.checked

    def slow(schema, text):
        if "slow" in text:
            begun.set()
            assert go_on.wait(20)
        return real(schema, text)

    monkeypatch.setattr(limits, "checked", slow)
    answers = []
    ask = {"query": "{ slow: me { name } }"}
    thread = threading.Thread(target=lambda: answers.append(http.post("/graphql", json=ask)))
    thread.start()
    try:
        assert begun.wait(20)
        other = http.post("/graphql", json={"query": "{ me { name } }"})
        assert other.json()["data"]["me"]["name"]
        assert not answers
    finally:
        go_on.set()
        thread.join()
    assert answers[0].json()["data"]["slow"]["name"]


def test_a_text_that_takes_too_long_to_check_is_refused(http, monkeypatch):
    go_on = threading.Event()
    monkeypatch.setattr(limits, "CHECK_S", 0.1)
    monkeypatch.setattr(limits, "checked", lambda *_: go_on.wait(20))
    try:
        answer = http.post("/graphql", json={"query": "{ me { name } }"}).json()
    finally:
        go_on.set()
    assert "0.1 s to check" in answer["errors"][0]["message"]
    assert answer["errors"][0]["extensions"]["code"] == "cost"
    assert answer["data"] is None


def test_nested_fragments_are_refused_on_web_sockets_too(url, tokens):
    chain = " ".join(f"fragment f{k} on Rates {{ ...f{k + 1} ...f{k + 1} }}" for k in range(20))
    text = f"subscription {{ rates {{ ...f0 }} }} {chain} fragment f20 on Rates {{ stop }}"
    with opened(url, tokens["viewer"]) as socket:
        ask(socket, text)
        assert json.loads(socket.recv(timeout=20))["type"] == "connection_ack"
        told = json.loads(socket.recv(timeout=20))
    assert told["type"] == "error"
    assert "costs" in told["payload"][0]["message"]


@pytest.mark.parametrize("first", ["9" * 5000, "-" + "9" * 5000, "1.5", '"x"', "null", "-1"])
def test_pages_of_no_size_are_refused_with_a_line(http, first):
    answer = http.post("/graphql", json={"query": f"{{ runs(first: {first}) {{ totalCount }} }}"})
    assert "internal" not in answer.text
    assert answer.json()["errors"]

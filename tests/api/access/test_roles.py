"""Who gets in, and who may do what."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from api.access.authenticator import Authenticator
from api.access.roles import MAY, ROLES
from db.catalogue.tokens import create_token, find_token, list_tokens, revoke_token
from everyhit import ApiError, Client

ACTS = {
    "read": "{ runs { totalCount } }",
    "annotate": 'mutation { annotateRun(run: "no such run", note: "") { name } }',
    "ingest": 'mutation { closeRun(run: "no such run") { name } }',
    "acknowledge": 'mutation { acknowledgeAlarm(name: "no such alarm") { name } }',
    "retain": 'mutation { pinRun(run: "no such run") { run } }',
    "trigger": 'mutation { enableTrigger(name: "no such trigger") { name } }',
    "reprocess": "mutation { cancelReprocess(number: 0) { number } }",
    "administer": "{ tokens { tokenId } }",
}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("act", ACTS)
def test_a_role_may_do_what_the_table_says_and_nothing_else(url, tokens, run, role, act):
    """Whoever is let through gets an answer about something that is not there, or data."""
    with Client(url, tokens[role]) as client:
        try:
            client.graphql(ACTS[act])
            refused = False
        except ApiError as fault:
            refused = fault.code == "access"
            if not refused:
                assert fault.code == "usage"
    assert refused == (act not in MAY[role])


def test_each_role_may_read_and_only_admin_makes_tokens():
    assert all("read" in acts for acts in MAY.values())
    assert [role for role in ROLES if "administer" in MAY[role]] == ["admin"]


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer everyhit_00000000_" + "A" * 43,
        "Basic YTpi",
        "Bearer ' OR 1=1 --",
        "Bearer {id:String}",
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/graphql"),
        ("GET", "/export/1/hits"),
        ("POST", "/ingest/1/0"),
        ("POST", "/query"),
        ("GET", "/metrics"),
        ("POST", "/engine/fetch"),
    ],
)
def test_nobody_gets_in_without_a_token(url, header, method, path):
    headers = {} if header is None else {"Authorization": header}
    given = {"query": "{ me { name } }", "sql": "SELECT 1"}
    answer = httpx.request(
        method, url + path, headers=headers, json=given if method == "POST" else None
    )
    assert answer.status_code == 401
    assert answer.json()["code"] == "access"


def test_no_token_of_the_api_opens_the_door_of_the_engine(url, tokens):
    for token in tokens.values():
        answer = httpx.post(
            f"{url}/engine/fetch",
            headers={"Authorization": f"Bearer {token}"},
            json={"sql": "SELECT * FROM tokens", "params": {}, "fmt": ""},
        )
        assert answer.status_code == 401


def test_only_a_hash_of_a_token_is_stored(engine):
    token, text = create_token(engine, "it's me \\ ok", "viewer", None)
    stored = str(engine.fetch("SELECT * FROM tokens").to_pylist())
    assert text not in stored
    assert text.split("_", 2)[2] not in stored
    assert find_token(engine, text) == token
    assert find_token(engine, text[:-1] + ("A" if text[-1] != "A" else "B")) is None


def test_a_token_ends_when_its_time_is_up(engine):
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    _, text = create_token(engine, "short", "viewer", timedelta(hours=1), now)
    almost = timedelta(minutes=59, seconds=59)
    assert find_token(engine, text, now + almost) is not None
    assert find_token(engine, text, now + timedelta(hours=1)) is None


def test_a_revoked_token_is_worthless_at_once_where_it_was_revoked(client, url, engine):
    made = client.graphql(
        'mutation { createToken(name: "gone soon", role: VIEWER) { text token { tokenId } } }'
    )["createToken"]
    with Client(url, made["text"]) as theirs:
        assert theirs.graphql("{ me { name role } }") == {
            "me": {"name": "gone soon", "role": "VIEWER"}
        }
        client.graphql(
            "mutation($id: String!) { revokeToken(tokenId: $id) { revoked } }",
            {"id": made["token"]["tokenId"]},
        )
        with pytest.raises(ApiError, match="revoked"):
            theirs.graphql("{ me { name } }")
    assert next(t for t in list_tokens(engine) if t.token_id == made["token"]["tokenId"]).revoked


def test_a_doorkeeper_looks_again_after_a_while(engine, monkeypatch):
    token, text = create_token(engine, "elsewhere", "viewer", None)
    keeper = Authenticator(engine, local="secret")
    assert keeper.who(f"Bearer {text}").name == "elsewhere"
    revoke_token(engine, token.token_id)  # by another process
    monkeypatch.setattr("api.access.authenticator.REMEMBERED_S", 0.0)
    with pytest.raises(Exception, match="revoked"):
        keeper.who(f"Bearer {text}")


def test_everybody_is_admin_only_where_that_was_asked_for(engine):
    assert Authenticator(engine, local="x", open_to_all=True).who(None).role == "admin"
    with pytest.raises(Exception, match="everyhit token create"):
        Authenticator(engine, local="x").who(None)
    with pytest.raises(Exception, match="unknown"):  # a wrong token is wrong even then
        Authenticator(engine, local="x", open_to_all=True).who("Bearer nonsense")


def test_every_change_is_recorded_with_who_and_what_came_of_it(client, url, tokens, run):
    with Client(url, tokens["viewer"]) as viewer, pytest.raises(ApiError):
        viewer.graphql('mutation { annotateRun(run: "1", note: "mine") { note } }')
    client.graphql(
        'mutation($r: String!) { annotateRun(run: $r, note: "theirs") { note } }',
        {"r": str(run.run_id)},
    )
    with pytest.raises(ApiError):
        client.graphql('mutation { annotateRun(run: "nope", note: "x") { note } }')
    newest = client.graphql("{ audit(first: 3) { who role action arguments outcome } }")["audit"]
    assert [(c["who"], c["role"], c["action"]) for c in newest] == [
        ("a admin", "admin", "annotateRun"),
        ("a admin", "admin", "annotateRun"),
        ("a viewer", "viewer", "annotateRun"),
    ]
    assert newest[0]["outcome"].startswith("UsageError: there is no run nope")
    assert newest[1]["outcome"] == "done"
    assert '"note": "theirs"' in newest[1]["arguments"]
    assert "may not annotate" in newest[2]["outcome"]


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", ""])
def test_only_our_own_names_are_answered(url, host):
    assert httpx.get(f"{url}/healthz", headers={"Host": host}).status_code == 400
    assert httpx.get(f"{url}/healthz").json() == {"status": "alive"}


def test_other_sites_may_not_read_our_answers(url, tokens):
    headers = {"Origin": "https://evil.example", "Authorization": f"Bearer {tokens['viewer']}"}
    answer = httpx.post(f"{url}/graphql", json={"query": "{ me { name } }"}, headers=headers)
    assert "access-control-allow-origin" not in answer.headers
    plain = httpx.post(
        f"{url}/graphql",
        content='{"query": "{ me { name } }"}',
        headers={**headers, "Content-Type": "text/plain"},
    )
    assert plain.status_code == 400  # what a form of another site could send
    assert httpx.get(f"{url}/graphql?query={{me{{name}}}}", headers=headers).status_code in (
        400,
        404,
        405,
    )

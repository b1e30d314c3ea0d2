"""Tokens of an identity provider, which runs here: what it signs gets in, and nothing else."""

import base64
import hmac
import json
import re
import threading
import time
from dataclasses import replace

import httpx
import numpy as np
import pytest
import websockets
from joserfc.jwk import ECKey, OctKey
from provider import AUDIENCE, Provider, rsa
from subscriptions import ask, opened

from api.access import keys as kept
from api.access.authenticator import Authenticator
from api.access.issuer import Issuer, Verifier
from api.access.keys import IssuerError
from api.access.roles import AccessError
from api.http.serve import served
from db.errors import UsageError
from everyhit import ApiError, Client


@pytest.fixture(scope="module")
def running():
    provider = Provider(keys=[rsa()])
    with served(provider.app()) as url:
        provider.url = url
        yield provider


@pytest.fixture
def provider(running):
    before = list(running.keys)
    running.asked.clear()
    yield running
    running.keys, running.away, running.name = before, False, None


@pytest.fixture
def verifier(provider):
    return Verifier(Issuer(provider.url, AUDIENCE))


@pytest.fixture
def trusting(app_state, provider, monkeypatch):
    """The state takes the provider's tokens."""
    issuer = Issuer(provider.url, AUDIENCE, {"muon-experts": "shifter"})
    keeper = Authenticator(app_state.engine, local=app_state.local, issuer=issuer)
    monkeypatch.setattr(app_state, "authenticator", keeper)


def test_whoever_the_provider_knows_gets_in_everywhere(url, provider, trusting, run, tokens):
    token = provider.token()
    with Client(url, token) as client:
        assert client.graphql("{ me { name role } }")["me"] == {
            "name": "alice",
            "role": "PHYSICIST",
        }
        assert len(client.hits(run.run_id, 0, "0.1 s")) > 10
        assert len(client.query("SELECT count() FROM hits", run.run_id)) == 1
        with pytest.raises(ApiError, match="alice is physicist and may not ingest"):
            _post(client, run)
    with (
        Client(url, provider.token(roles="muon-experts")) as client,
        pytest.raises(ApiError, match="takes its words from elsewhere"),
    ):
        _post(client, run)  # let in, and told about the run
    with opened(url, token) as socket:
        ask(socket, f'subscription {{ watermarks(run: "{run.run_id}") {{ link }} }}')
        assert json.loads(socket.recv(timeout=10))["type"] == "connection_ack"
        assert json.loads(socket.recv(timeout=10))["type"] == "next"
    with Client(url, tokens["viewer"]) as client:  # our own tokens go on
        assert client.graphql("{ me { role } }")["me"]["role"] == "VIEWER"


def _post(client, run):
    client.post(run.run_id, 0, "x", np.zeros(1, np.uint64))


def test_whoever_it_does_not_know_gets_in_nowhere(url, provider, trusting, run):
    token = provider.token(exp=time.time() - 3600)
    headers = {"Authorization": f"Bearer {token}"}
    for method, path in (
        ("POST", "/graphql"),
        ("GET", f"/export/{run.run_id}/hits"),
        ("POST", f"/ingest/{run.run_id}/0"),
        ("POST", "/query"),
        ("GET", "/metrics"),
    ):
        given = {"query": "{ me { name } }", "sql": "SELECT 1"} if method == "POST" else None
        answer = httpx.request(method, url + path, headers=headers, json=given)
        assert answer.status_code == 401
        told = answer.json()["message"]
        assert re.search(r"it expired 36\d\d s ago", told)
        assert "\n" not in told
    with opened(url, token) as socket, pytest.raises(websockets.ConnectionClosed) as closed:
        socket.recv(timeout=10)
    assert closed.value.rcvd.code == 4403


def unsigned(token):
    """The same claims, signed by nobody."""
    header = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    return f"{header}.{token.split('.')[1]}."


def with_the_public_key(provider):
    """A signature with HMAC, whose secret is the public key that everybody knows."""
    key = provider.keys[0]
    header = json.dumps({"alg": "HS256", "kid": key.kid}).encode()
    signed = base64.urlsafe_b64encode(header).decode().rstrip("=")
    signed += "." + provider.token().split(".")[1]
    made = hmac.digest(key.as_pem(private=False), signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(made).decode().rstrip('=')}"


HOUR = 3600
WRONG = {
    "expired": (lambda p: p.token(exp=time.time() - 61), "it expired \\d+ s ago"),
    "too early": (lambda p: p.token(nbf=time.time() + HOUR), "is a clock wrong"),
    "issued in future": (lambda p: p.token(iat=time.time() + HOUR), "is a clock wrong"),
    "for ever": (lambda p: p.token(exp=None), "its claim exp is no time"),
    "for very long": (lambda p: p.token(exp=float("1e300")), "its claim exp is no time"),
    "no time": (lambda p: p.token(exp="tomorrow"), "its claim exp is no time"),
    "other audience": (lambda p: p.token(aud="webmail"), "it is for 'webmail', not for everyhit"),
    "no audience": (lambda p: p.token(aud=None), "it is for None"),
    "odd audience": (lambda p: p.token(aud={"everyhit at the beam": 1}), "it is for {"),
    "other issuer": (lambda p: p.token(iss="https://evil.example"), "it is of the issuer 'https://e"),
    "no issuer": (lambda p: p.token(iss=None), "it is of the issuer None"),
    "nobody": (lambda p: p.token(sub=None, preferred_username=None), "it names nobody"),
    "control": (lambda p: p.token(preferred_username="a\nb"), "it names nobody"),
    "unsigned": (lambda p: unsigned(p.token()), "signed in a way that is not taken: RS256"),
    "HMAC with the public key": (with_the_public_key, "signed in a way that is not taken"),
    "HMAC with a listed secret": (
        lambda p: p.token(OctKey.import_key("c2VjcmV0c2VjcmV0c2VjcmV0"), "HS256", "a secret"),
        "signed in a way that is not taken",
    ),
    "another's key": (lambda p: p.token(rsa(), kid=p.keys[0].kid), "its signature is wrong"),
    "changed": (lambda p: changed(p.token()), "its signature is wrong"),
    "key of another kind": (
        lambda p: p.token(ECKey.generate_key("P-256"), "ES256", p.keys[0].kid),
        "can't be read|has no key",
    ),
    "no token": (lambda p: "a.b.c", "it can't be read"),
    "no ASCII": (lambda p: "é.é.é", "it can't be read"),
    "long": (lambda p: "a" * 20_000 + ".b.c", "it is longer"),
}  # fmt: skip


def changed(token):
    head, body, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    body = base64.urlsafe_b64encode(json.dumps(claims | {"roles": ["admin"]}).encode()).decode()
    return f"{head}.{body.rstrip('=')}.{signature}"


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_refused_with_one_line(provider, verifier, wrong):
    make, said = WRONG[wrong]
    assert verifier.who(provider.token()).name == "alice"
    with pytest.raises(AccessError, match=said) as told:
        verifier.who(make(provider))
    assert not told.value.known
    assert "\n" not in str(told.value)


def test_clocks_may_differ_a_little(provider, verifier):
    now = time.time()
    assert verifier.who(provider.token(exp=now - 30)).name == "alice"
    assert verifier.who(provider.token(nbf=now + 30)).name == "alice"
    strict = Verifier(replace(verifier._issuer, leeway_s=0))
    for claims in ({"exp": now - 30}, {"nbf": now + 30}):
        with pytest.raises(AccessError):
            strict.who(provider.token(**claims))


def test_other_signatures_and_a_list_of_audiences_are_taken(provider, verifier):
    provider.keys = [rsa(), ECKey.generate_key("P-256", auto_kid=True)]
    assert verifier.who(provider.token(provider.keys[1], "ES256", aud=["a", AUDIENCE])).name
    assert verifier.who(provider.token(alg="PS384", preferred_username=None)).name == "0815"


@pytest.mark.parametrize(
    ("claim", "given", "role"),
    [
        ("roles", {"roles": "viewer"}, "viewer"),
        ("roles", {"roles": ["x", "experts", "viewer"]}, "dba"),
        ("realm_access.roles", {"realm_access": {"roles": ["shifter"]}}, "shifter"),
        ("https://daq.example/roles", {"https://daq.example/roles": ["admin"]}, "admin"),
        ("roles", {"roles": ["x"]}, None),
        ("roles", {"roles": {"admin": 1}}, None),
        ("roles", {"roles": [["admin"], 1, None]}, None),
        ("roles", {"roles": None}, None),
        ("a.b.c", {"a": "b"}, None),
    ],
)
def test_roles_are_read_from_the_claim_that_is_named(provider, claim, given, role):
    verifier = Verifier(Issuer(provider.url, AUDIENCE, {"experts": "dba"}, claim))
    token = provider.token(**({"roles": None} | given))
    if role is not None:
        assert verifier.who(token).role == role
        return
    with pytest.raises(AccessError, match="alice has no role here") as told:
        verifier.who(token)
    assert told.value.known


def test_keys_are_kept_and_new_ones_looked_for_but_not_often(provider, verifier, monkeypatch):
    clock = [1e6]
    monkeypatch.setattr(kept, "monotonic", lambda: clock[0])
    for _ in range(3):
        verifier.who(provider.token())
    assert provider.asked["keys"] == 1
    provider.keys = [rsa()]  # rotated
    new = provider.token()
    for _ in range(3):
        with pytest.raises(AccessError, match="has no key that signed it"):
            verifier.who(new)
    assert provider.asked["keys"] == 1  # asked a moment ago
    clock[0] += kept.PAUSE_S + 1
    assert verifier.who(new).name == "alice"
    assert provider.asked["keys"] == 2
    for _ in range(20):  # whoever makes numbers up makes us ask no more often
        clock[0] += 1
        with pytest.raises(AccessError):
            verifier.who(provider.token(rsa()))
    assert provider.asked["keys"] == 4
    clock[0] += kept.KEPT_S + 1
    verifier.who(new)
    assert provider.asked["keys"] == 5  # in case one was withdrawn


def test_a_key_that_was_withdrawn_is_no_good(provider, verifier, monkeypatch):
    clock = [1e6]
    monkeypatch.setattr(kept, "monotonic", lambda: clock[0])
    old = provider.token()
    assert verifier.who(old)
    provider.keys = [rsa()]
    clock[0] += kept.KEPT_S + 1
    with pytest.raises(AccessError):
        verifier.who(old)


def test_a_provider_that_is_away_is_no_reason_to_keep_people_out(
    url, provider, verifier, trusting, monkeypatch
):
    clock = [1e6]
    monkeypatch.setattr(kept, "monotonic", lambda: clock[0])
    provider.away = True
    answer = httpx.get(
        f"{url}/export/1/hits", headers={"Authorization": f"Bearer {provider.token()}"}
    )
    assert answer.status_code == 503
    assert answer.json()["code"] == "issuer"
    with pytest.raises(IssuerError, match="gives no keys now"):
        verifier.who(provider.token())
    provider.away = False
    clock[0] += kept.PAUSE_S + 1
    assert verifier.who(provider.token())
    provider.away = True
    clock[0] += kept.KEPT_S + 1
    assert verifier.who(provider.token())
    clock[0] += kept.BELIEVED_S
    with pytest.raises(IssuerError):
        verifier.who(provider.token())


def test_who_calls_itself_otherwise_is_not_the_issuer(provider, verifier):
    provider.name = "https://other.example"
    with pytest.raises(IssuerError):
        verifier.who(provider.token())


def test_many_who_come_at_once_make_one_question(provider, verifier):
    token, found = provider.token(), []
    threads = [threading.Thread(target=lambda: found.append(verifier.who(token))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(found) == 8
    assert provider.asked["keys"] == 1


@pytest.mark.parametrize("url", ["http://idp.example", "idp.example", "file:///etc/passwd", ""])
def test_an_issuer_is_asked_where_nobody_listens(url):
    with pytest.raises(UsageError, match="begins with https://"):
        Verifier(Issuer(url, AUDIENCE))


def test_without_an_audience_there_is_no_issuer(provider):
    with pytest.raises(UsageError, match="EVERYHIT_OIDC_AUDIENCE"):
        Verifier(Issuer(provider.url, ""))


def test_a_token_that_ends_ends_what_it_listens_to(
    url, provider, trusting, app_state, run, monkeypatch
):
    monkeypatch.setattr("api.graphql.live.PERIOD_S", 0.05)
    keeper = app_state.authenticator
    keeper._verifier._issuer = replace(keeper._verifier._issuer, leeway_s=0)
    with opened(url, provider.token(exp=time.time() + 300)) as socket:
        ask(socket, f'subscription {{ rates(run: "{run.run_id}") {{ stop }} }}')
        assert json.loads(socket.recv(timeout=10))["type"] == "connection_ack"
        assert "errors" not in json.loads(socket.recv(timeout=10))["payload"]
        monkeypatch.setattr("api.access.issuer.time", lambda: time.time() + 900)
        app_state.topics.topic(
            ("rates", str(run.run_id)), lambda: None
        )._last = None  # tell it again
        message = json.loads(socket.recv(timeout=10))
    told = message["payload"] if message["type"] == "error" else message["payload"]["errors"]
    assert "expired" in told[0]["message"]

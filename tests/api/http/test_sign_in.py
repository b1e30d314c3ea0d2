"""To the identity provider and back, with a token."""

from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from provider import AUDIENCE, Provider, rsa

from api.access.issuer import Issuer
from api.http.app import create_app
from api.http.serve import served
from api.state import AppState, ServerRules
from db.store import Store
from everyhit import Client


@pytest.fixture(scope="module")
def provider():
    provider = Provider(keys=[rsa()])
    with served(provider.app()) as url:
        provider.url = url
        yield provider


@pytest.fixture(scope="module")
def url(engine, provider, tmp_path_factory):
    rules = ServerRules(issuer=Issuer(provider.url, AUDIENCE))
    app_state = AppState(Store("chdb:test", tmp_path_factory.mktemp("sign-in"), engine), rules)
    with served(create_app(app_state)) as url:
        yield url
    app_state.close()


@pytest.fixture
def browser(url):
    with httpx.Client(base_url=url, follow_redirects=False) as browser:
        yield browser


def landed(browser, answer):
    """Follow an answer to where it ends, and return what stands behind the page's #."""
    while "#" not in answer.headers["location"]:
        answer = browser.get(answer.headers["location"])
    fragment = urlsplit(answer.headers["location"]).fragment
    return {name: values[0] for name, values in parse_qs(fragment).items()}


def test_whoever_the_provider_lets_in_comes_back_with_a_token(url, provider, browser):
    assert browser.get("/sign-in/provider").json() == {"name": urlsplit(provider.url).netloc}
    token = landed(browser, browser.get("/sign-in"))["token"]
    with Client(url, token) as client:
        assert client.graphql("{ me { name role } }")["me"]["name"] == "alice"
    assert not browser.cookies


def test_whoever_it_refuses_is_told(provider, browser, monkeypatch):
    monkeypatch.setattr(provider, "refusal", "access_denied")
    assert "'access_denied'" in landed(browser, browser.get("/sign-in"))["refused"]


def test_whoever_has_no_role_here_is_told(provider, browser, monkeypatch):
    monkeypatch.setattr(provider, "claims", {"roles": ["cook"]})
    assert "has no role here" in landed(browser, browser.get("/sign-in"))["refused"]


def test_an_answer_that_was_not_asked_for_here_lets_nobody_in(url, browser):
    answer = browser.get("/sign-in")
    back = browser.get(answer.headers["location"]).headers["location"]
    with httpx.Client(base_url=url) as other:  # a link that somebody was sent
        assert "not begun here" in landed(other, other.get(back))["refused"]
    assert (
        "not begun here" in landed(browser, browser.get("/sign-in/back?code=1&state=2"))["refused"]
    )
    assert "token" in landed(browser, browser.get(browser.get("/sign-in").headers["location"]))


def test_a_code_is_good_for_whoever_asked_for_it(browser):
    answer = browser.get("/sign-in")
    back = browser.get(answer.headers["location"]).headers["location"]
    state = parse_qs(urlsplit(back).query)["state"][0]
    browser.cookies.clear()
    cookies = {"everyhit-sign-in": f"{state}.another-verifier"}
    got = httpx.get(back, cookies=cookies, follow_redirects=False)
    assert "gives no token" in landed(browser, got)["refused"]


def test_without_a_provider_nobody_is_sent_anywhere(engine, tmp_path):
    app_state = AppState(Store("chdb:test", tmp_path, engine), ServerRules())
    with served(create_app(app_state)) as url:
        assert httpx.get(f"{url}/sign-in/provider").json() == {"name": None}
        answer = httpx.get(f"{url}/sign-in")
        assert answer.status_code == 400
        assert "EVERYHIT_OIDC_ISSUER" in answer.json()["message"]
    app_state.close()

"""Behind a proxy, and beside other sites' pages: whose words about who asks are believed."""

from dataclasses import replace

import httpx
import pytest
import websockets
from fastapi import FastAPI, Request
from websockets.sync.client import connect

from api.http.app import create_app
from api.http.serve import served
from api.state import AppState
from db.store import Store

FORWARDED = {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"}
PAGE = "https://display.example"


def who_asks() -> FastAPI:
    app = FastAPI()

    @app.get("/")
    def shown(request: Request) -> dict[str, str]:
        return {"from": request.client.host, "by": request.url.scheme}

    return app


@pytest.mark.parametrize(
    ("proxies", "seen"),
    [
        ((), {"from": "127.0.0.1", "by": "http"}),
        (("10.0.0.1", "192.168.0.0/16"), {"from": "127.0.0.1", "by": "http"}),
        (("127.0.0.1",), {"from": "192.0.2.7", "by": "https"}),
        (("127.0.0.0/8",), {"from": "192.0.2.7", "by": "https"}),
    ],
)
def test_only_a_proxy_that_is_named_is_believed(proxies, seen):
    with served(who_asks(), proxies=proxies) as url:
        assert httpx.get(url, headers=FORWARDED).json() == seen


def test_whoever_comes_through_a_proxy_is_not_near(app_state):
    """The door of the engine is for this machine, even for who knows the secret."""
    headers = {"Authorization": f"Bearer {app_state.local}"}
    asked = {"sql": "SELECT 1 AS x", "params": {}}
    with served(create_app(app_state), proxies=("127.0.0.1",)) as url:
        near = httpx.post(f"{url}/engine/fetch", json=asked, headers=headers)
        far = httpx.post(f"{url}/engine/fetch", json=asked, headers=headers | FORWARDED)
        odd = httpx.post(
            f"{url}/engine/fetch", json=asked, headers=headers | {"X-Forwarded-For": "unknown"}
        )
    assert (near.status_code, far.status_code) == (200, 401)
    assert odd.status_code == 401


@pytest.fixture
def beside(engine, app_state, tmp_path):
    """A server that one other site's pages may ask."""
    rules = replace(app_state.rules, origins=(PAGE,), hosts=("127.0.0.1", "daq.example"))
    other = AppState(Store("chdb:test", tmp_path, engine), rules)
    with served(create_app(other)) as url:
        yield url
    other.close()


def test_pages_of_a_site_that_is_named_may_ask_and_others_not(beside, tokens):
    token = {"Authorization": f"Bearer {tokens['viewer']}"}
    for origin, allowed in ((PAGE, PAGE), ("https://evil.example", None), ("null", None)):
        headers = {"Origin": origin}
        before = httpx.options(
            f"{beside}/graphql",
            headers=headers
            | {
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization",
            },
        )
        assert before.headers.get("access-control-allow-origin") == allowed
        assert before.status_code == (200 if allowed else 400)
        answer = httpx.post(
            f"{beside}/graphql", json={"query": "{ me { name } }"}, headers=headers | token
        )
        assert answer.headers.get("access-control-allow-origin") == allowed
        address = beside.replace("http", "ws") + "/graphql"
        if allowed:
            with connect(address, subprotocols=["graphql-transport-ws"], origin=origin):
                pass
        else:
            with pytest.raises(websockets.InvalidStatus):
                connect(address, subprotocols=["graphql-transport-ws"], origin=origin)


def test_a_name_of_ours_is_answered_and_others_not(beside):
    for host, status in (("daq.example", 200), ("daq.example:8420", 200), ("evil.example", 400)):
        assert httpx.get(f"{beside}/healthz", headers={"Host": host}).status_code == status

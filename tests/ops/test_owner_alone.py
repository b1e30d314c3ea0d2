"""What others on the same machine may not read."""

import os
import subprocess

from command import EVERYHIT

from readout.spool.spool import Spool


def test_what_a_store_keeps_is_for_its_owner_alone(tmp_path):
    """Also of a store that an older version made for all to read."""
    store = tmp_path / "store"
    for old in (False, True):
        if old:
            store.chmod(0o755)
            (store / "engine").chmod(0o755)
        line = ["retention", "set", "default", "--raw", "30d", "--store", store]
        subprocess.run([*EVERYHIT, *line], check=True, capture_output=True, umask=0)
        open_to_others = [p for p in (store / "engine", store) if p.stat().st_mode & 0o077]
        assert open_to_others == ([store] if old else [])


def test_a_spool_is_for_its_owner_alone(tmp_path):
    before = os.umask(0)
    try:
        with Spool(tmp_path / "spool"):
            assert (tmp_path / "spool").stat().st_mode & 0o077 == 0
    finally:
        os.umask(before)

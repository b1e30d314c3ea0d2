"""What a store's tables are: the scripts in this folder, which is the one list of them."""

import re
from importlib.resources import files

from db import schema


def newest_version() -> int:
    """Return the version that this everyhit writes."""
    return max(scripts())


def tables() -> list[str]:
    """Return the names of the tables that every shard of a store has."""
    return [name for _, text in sorted(scripts().items()) for name in CREATED.findall(text)]


def scripts() -> dict[int, str]:
    """Return the text of each migration by its number."""
    return {
        int(file.name[:4]): file.read_text()
        for file in files(schema).iterdir()
        if file.name.endswith(".sql")
    }


CREATED = re.compile(r"^CREATE TABLE IF NOT EXISTS (\w+)", re.MULTILINE)

DURABLE = (
    "fsync_after_insert = 1, fsync_part_directory = 1,"
    " min_compressed_bytes_to_fsync_after_merge = 1"
)
"""Settings of every table: what an insert has acknowledged is on the disk, whatever is cut off.
Merges wait, too: the engine opens no table of which a power cut left a hundred parts half-written.
"""

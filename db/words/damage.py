"""Whether what lies on a shard's disk is what was written there: part by part, chunk by chunk."""

from collections.abc import Iterator
from dataclasses import dataclass

from db.engine import Engine
from db.errors import StoreError


@dataclass(frozen=True)
class Part:
    """Rows of a table that lie together on a shard's disk."""

    table: str
    name: str
    bytes: int


@dataclass(frozen=True)
class Checked:
    """A part that was read as a whole."""

    part: Part
    words: int
    """How many it holds; 0 where it is not one of ``chunks``."""
    problems: tuple[str, ...]
    """What is damaged, in sentences; empty where all is as it was written."""


def parts_there(here: Engine) -> list[Part]:
    """Return the parts of all tables of a shard."""
    rows = here.fetch(
        "SELECT table, name, bytes_on_disk AS bytes FROM system.parts"
        " WHERE active AND database = currentDatabase() ORDER BY table, name"
    )
    return [Part(**row) for row in rows.to_pylist()]


def check_parts(here: Engine) -> Iterator[Checked]:
    """Read each part of a shard against the checksums of its files, and each chunk against its own.

    Parts that are merged meanwhile are found again as what they were merged into.
    """
    seen: set[Part] = set()
    while new := [part for part in parts_there(here) if part not in seen]:
        for part in new:
            seen.add(part)
            checked = check_part(here, part)
            if not checked.problems or part in parts_there(here):
                yield checked


def check_part(here: Engine, part: Part) -> Checked:
    """Read one part of a shard."""
    words, problems = 0, []
    try:
        files = here.fetch(
            f"CHECK TABLE `{part.table}` PART '{part.name}'"
            " SETTINGS check_query_single_value_result = 0"
        ).to_pylist()
        problems += [row["message"] for row in files if not row["is_passed"]]
        if part.table == "chunks":
            words, chunks = _chunks(here, part)
            problems += chunks
    except StoreError as fault:
        problems.append(str(fault))
    return Checked(part, words, tuple(problems))


def _chunks(here: Engine, part: Part) -> tuple[int, list[str]]:
    row = here.fetch(
        "SELECT sum(n_hits) AS words, groupArrayIf(run_id, bad) AS runs,"
        " groupArrayIf(link, bad) AS links, groupArrayIf(seq, bad) AS seqs FROM (SELECT *,"
        " home = '' AND CRC32(reinterpret(words, 'String')) != checksum AS bad"
        " FROM chunks WHERE _part = {part:String})",
        {"part": part.name},
    ).to_pylist()[0]
    return row["words"], [
        f"the words of chunk {seq} of link {link} in run {run} are not those that were written"
        for run, link, seq in zip(row["runs"], row["links"], row["seqs"], strict=True)
    ]

"""A corpus of statements, hostile and sound, and ten thousand mutations of them."""

import random
import re
import secrets
from pathlib import Path

import pytest
from test_confine_meaning import HITS

from db.errors import SqlError, StoreError
from db.user_sql.confine import bound, confined
from db.user_sql.limits import limited

HERE = Path(__file__).parent
HOSTILE = (HERE / "hostile.sql").read_text().splitlines()
SOUND = [
    line
    for name in ("allowed", "meaning", "sound")
    for line in (HERE / f"{name}.sql").read_text().splitlines()
]
RELATIONS = {"hits": " ".join(HITS.split()), "tracks": "SELECT toInt64(3) AS t"}
PARAMS = {"p": 1, "q": "a", "layer": 1, "w": 5}

# The canary: what nobody may ever see, in a table of the store and in a file beside it.
TABLE = "everyhit.canaries"


@pytest.fixture(scope="module")
def canary(tmp_path_factory, chdb_engine):
    text = f"canary{secrets.token_hex(8)}"
    file = tmp_path_factory.mktemp("canary") / "file"
    file.write_text(text)
    chdb_engine.execute(f"CREATE OR REPLACE TABLE {TABLE} (c String) ENGINE = Memory")
    chdb_engine.execute(f"INSERT INTO {TABLE} SELECT '{text}'")
    yield text, str(file)
    chdb_engine.execute(f"DROP TABLE {TABLE}")


def at_canary(sql, file):
    return sql.replace("everyhit.tokens", TABLE).replace("/tmp/canary", file)


@pytest.mark.every_store
def test_of_the_hostile_none_gets_through(engine):
    through = []
    for sql in HOSTILE:
        try:
            confined(engine, sql, RELATIONS)
        except SqlError as fault:
            assert len(str(fault)) < 400, sql
            continue
        through.append(sql)
    assert through == []


@pytest.mark.every_store
def test_of_the_sound_all_get_through(engine):
    for sql in SOUND:
        confined(engine, sql, RELATIONS)
    assert len(HOSTILE) + len(SOUND) >= 600


def test_the_canary_can_be_seen_by_who_is_not_confined(chdb_engine, canary):
    text, file = canary
    assert chdb_engine.fetch(f"SELECT file('{file}') AS x")["x"].to_pylist() == [text]
    assert chdb_engine.fetch(f"SELECT c FROM {TABLE}")["c"].to_pylist() == [text]


WORD = re.compile(r"'(?:[^'\\]|\\.)*'|`[^`]*`|\w+|\s+|.")
STRANGE = [
    "(", ")", "((", "))", "[", "]", "{", "}", ",", ";", "'", '"', "`", "\u2018", "\u2019", "\u201c",
    "\u201d", "--", "/*", "*/", "$$", "\\", "\n", "#", "->", "::", ".", "*", "IN", "APPLY", "AS",
    "FROM", "SELECT", "WITH", "UNION ALL", "file", "SETTINGS", "FORMAT", "COLUMNS", "EXCEPT",
    f"'{TABLE}'", TABLE, f"({TABLE})", f"(({TABLE}))", f"IN {TABLE}", f"FROM {TABLE}", "\u00a0",
    "file('/tmp/canary')", "arrayMap(file, ['/tmp/canary'])", "'/tmp/canary'", "|>", "0x", "@@",
    f"(SELECT c FROM {TABLE})", "EXPLAIN", "hits", "canaries",
]  # fmt: skip


def mutated(rng, corpus):
    words = WORD.findall(rng.choice(corpus))
    for _ in range(rng.choice((1, 1, 2, 3))):
        at = rng.randrange(len(words) + 1)
        match rng.randrange(5):
            case 0:
                words.insert(at, rng.choice(STRANGE))
            case 1:
                words[at : at + 1] = [rng.choice(STRANGE)]
            case 2:
                del words[at : at + rng.randrange(1, 4)]
            case 3:
                other = WORD.findall(rng.choice(corpus))
                start = rng.randrange(len(other))
                words[at:at] = other[start : start + rng.randrange(1, 9)]
            case 4:
                start = rng.randrange(len(words) + 1)
                words[at:at] = words[start : start + 5]
    return "".join(words)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_no_mutation_brings_the_canary_back(chdb_engine, canary, seed):
    """What is let through runs as the owner, so that the first wall stands alone."""
    text, file = canary
    rng = random.Random(seed)
    ran = 0
    for _ in range(2_500):
        sql = at_canary(mutated(rng, SOUND + HOSTILE), file)
        try:
            query = confined(chdb_engine, sql, RELATIONS)
        except SqlError as refused:
            assert text not in str(refused)
            continue
        ran += 1
        try:
            told = str(chdb_engine.fetch(limited(bound(query, RELATIONS), 0.5, 10_000), PARAMS))
        except (StoreError, UnicodeDecodeError) as failed:
            told = str(failed)
        assert text not in told, sql
    assert ran > 100

"""Words that are written to another home at once, with --words."""

import json
import os
import re

import pytest
from command import everyhit
from homes import OTHERS
from test_cli import ROWS

SQL = "SELECT layer, count() AS n, sum(t) AS s FROM hits GROUP BY layer ORDER BY layer"


def ingest(folder, *more, **options):
    (folder / "rows.txt").write_text(ROWS)
    line = ("ingest", folder / "rows.txt", "--detector", "drift_tubes_v2", "--json")
    return everyhit(*line, *more, **options)


@pytest.mark.parametrize("home_address", OTHERS, indirect=True)
class TestWords:
    def test_ingest_keeps_words_there_and_triggers_read_them(
        self, tmp_path, home_url, home_address
    ):
        env = {**os.environ, "EVERYHIT_HOMES": home_url}
        events = ("--events", "segments")
        inline, away = tmp_path / "inline", tmp_path / "away"
        ingest(tmp_path, *events, "--store", inline)
        ingest(tmp_path, *events, "--store", away, "--words", home_url)
        for sql in (SQL, "SELECT count() AS n, sum(t) AS s FROM segments"):
            asked = [
                everyhit("query", sql, "--json", "--store", store, env=env)
                for store in (inline, away)
            ]
            assert asked[0] == asked[1] != ""
        (back,) = json.loads(everyhit("run", "restore", "1", "--json", "--store", away, env=env))
        assert back["words_in"] == {"this store": 4}

    def test_mistakes_are_one_line_and_leave_no_run(self, tmp_path, home_url):
        wrong = re.sub(r"//[^@]+@", "//daq:wrong@", home_url)
        away = re.sub(r"127.0.0.1:\d+", "127.0.0.1:9", home_url)
        for url, problem in ((wrong, "wrong|not known"), (away, "does not answer")):
            said = ingest(tmp_path, "--store", tmp_path / "store", "--words", url, code=1)
            assert said.count("\n") == 1 and re.search(problem, said), said
            assert "wrong@" not in said
        listed = everyhit("run", "list", "--json", "--store", tmp_path / "store")
        assert json.loads(listed) == []


def test_a_user_who_may_only_read_is_told(tmp_path, mongodb):
    from ops.servers.mongodb import VISITOR

    url = mongodb.url(user=VISITOR[0], password=VISITOR[1])
    said = ingest(tmp_path, "--store", tmp_path / "store", "--words", url, code=1)
    assert said.count("\n") == 1 and "role readWrite" in said, said


def test_an_address_without_a_database_is_told(tmp_path):
    said = ingest(tmp_path, "--store", tmp_path / "s", "--words", "mongodb://a:b@host", code=1)
    assert said.count("\n") == 1 and "names no database" in said
    assert "a:b" not in said

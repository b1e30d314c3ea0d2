"""A run's words go to another home and back, on the command line, and answers stay the same."""

import json
import os
import re

import pytest
from command import everyhit
from homes import OTHERS
from test_cli import ROWS

SQL = "SELECT layer, count() AS n, sum(t) AS s FROM hits GROUP BY layer ORDER BY layer"


@pytest.fixture
def store(tmp_path):
    (tmp_path / "rows.txt").write_text(ROWS)
    everyhit(
        *("ingest", tmp_path / "rows.txt", "--detector", "drift_tubes_v2", "--run", "beam"),
        *("--store", tmp_path / "store"),
    )
    return tmp_path / "store"


def asked(store, *more, **options):
    return everyhit("query", SQL, "--json", "--store", store, *more, **options)


@pytest.mark.parametrize("home_address", OTHERS, indirect=True)
class TestArchive:
    def test_answers_stay_the_same(self, store, home_address, home_url, tmp_path):
        with_password = {**os.environ, "EVERYHIT_HOMES": home_url}
        before = asked(store)
        line = ("--store", store, "--json")
        (out,) = json.loads(everyhit("run", "archive", "beam", "--to", home_url, *line))
        assert out["moved_words"] == 4 and out["words_in"] == {home_address: 4}
        assert asked(store, env=with_password) == before
        for fmt in ("parquet", "csv"):
            file = tmp_path / f"hits.{fmt}"
            everyhit("export", "hits", "--out", file, *line[:2], env=with_password)
            assert file.stat().st_size
        problem = asked(store, env=WITHOUT_KEYS, code=1)
        assert problem.count("\n") == 1 and home_address.partition("?")[0] in problem
        (back,) = json.loads(everyhit("run", "restore", "beam", *line, env=with_password))
        assert back["words_in"] == {"this store": 4}
        assert asked(store) == before
        plan = everyhit("retention", "apply", "--dry-run", *line, env=with_password)
        (copy,) = [step for step in json.loads(plan) if "home" in step]
        assert (copy["home"], copy["action"], copy["words"]) == (home_address, "keep", 4)
        assert "put lately" in copy["why"]

    def test_mistakes_are_one_line_and_move_nothing(self, store, home_address, home_url):
        before = asked(store)
        wrong = re.sub(r"//[^@]+@", "//daq:wrong@", home_url)
        away = re.sub(r"127.0.0.1:\d+", "127.0.0.1:9", home_url)
        for url in (wrong, away, "ftp://x/y", "s3://"):
            said = everyhit("run", "archive", "beam", "--to", url, "--store", store, code=1)
            assert said.count("\n") == 1, said
            assert "wrong@" not in said
        assert asked(store) == before


WITHOUT_KEYS = {**os.environ, "AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "x"}

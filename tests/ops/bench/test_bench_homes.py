"""Homes of words are measured beside each other, and emptied of what was put there."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from command import everyhit
from homes import OTHERS
from ticks import TOY, Hit, toy_chunks

from db.errors import StoreError
from db.words.chunks import write_chunks
from db.words.homes.opening import home_at
from ops.bench import homes as bench
from ops.bench.homes import FILES, STORE, homes

HITS = 60_000


@pytest.mark.parametrize("home_address", OTHERS, indirect=True)
class TestHomes:
    def test_each_is_measured_and_nothing_stays(
        self, chdb_engine, home_address, home_url, tmp_path
    ):
        home = home_at(chdb_engine, home_address)
        (chunk, *_) = toy_chunks(4_000_000, [Hit(5, 0, 1)])
        write_chunks(chdb_engine, [chunk], TOY, datetime.now(UTC), home)  # another's
        before = home.counts()
        told = homes(chdb_engine, tmp_path, [home_url], HITS, 3, 1)
        assert [each.home for each in told] == [STORE, home_address, FILES]
        assert all(
            value > 0 for each in told for value in vars(each).values() if value != each.home
        )
        assert told[-1].bytes_per_word == pytest.approx(8, abs=0.01)
        assert 1 < told[1].bytes_per_word < 8
        assert home.counts() == before
        assert not list(tmp_path.iterdir())

    def test_one_wrong_word_is_seen(self, chdb_engine, home_url, tmp_path, monkeypatch):
        read = bench.read_words

        def wrong(*args):
            found = read(*args)
            words = found.words.copy()
            words[0] ^= 1
            return replace(found, words=words)

        monkeypatch.setattr(bench, "read_words", wrong)
        with pytest.raises(StoreError, match="gave back other words of the window"):
            homes(chdb_engine, tmp_path, [home_url], HITS, 3, 1)


def test_the_command_starts_servers_of_its_own():
    line = ("bench", "homes", "--hits", "20000", "--windows", "2", "--repeats", "1", "--json")
    told = json.loads(everyhit(*line))
    assert told[0]["home"] == STORE and told[-1]["home"] == FILES
    assert {each["home"].partition(":")[0] for each in told[1:-1]} == {"mongodb", "s3"}

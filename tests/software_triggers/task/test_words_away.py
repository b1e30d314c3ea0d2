"""Triggers, queries and exports see the same, whichever home the words are in."""

import polars as pl
import pytest
from homes import LATER, OTHERS
from hypothesis import HealthCheck, given, settings
from ticks import NOW, TOY, Hit, toy_chunks, toy_run
from workbench import TRIGGERS, WANTED, expected, finished, rows, some_hits

from db.errors import StoreError, UsageError
from db.relations import away
from db.relations.distinct import distinct
from db.relations.histogram import Axis, count_by, histogram, histogram2d, histogram_of
from db.relations.query import fetch_query, fetch_text
from db.relations.read import read
from db.relations.relation import Relation, select_of
from db.user_sql.confine import confined
from db.words.chunks import write_chunks
from db.words.hits_view import AWAY
from db.words.homes.fetched import words_away
from db.words.homes.opening import home_at
from db.words.shards import by_shard
from software_triggers.running.dry_run import dry_run
from software_triggers.task.bind import bind
from software_triggers.task.relations import read_frame
from software_triggers.window import Window

FAR = 2**40
HITS = [Hit(t, link, (t // 20 + link) % 5) for t in range(-150, 1800, 20) for link in (0, 1)]


def stored(engine, made, home):
    """A run whose every third chunk lies in the table, the others in the home."""
    run = toy_run(engine)
    chunks = toy_chunks(run.run_id, made)
    for k in range(3):
        write_chunks(engine, chunks[k::3], TOY, NOW, home if k else None)
    return run


@pytest.mark.slow
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(some_hits)
def test_triggers_find_the_same(engine, home, made):
    run = stored(engine, made, home)
    stages = bind(engine, run, TRIGGERS, WANTED)
    finished(engine, run, stages)
    assert rows(engine, stages) == expected(made)


def answers(engine, run):
    """Whatever can be asked of hits, as plain values."""
    hits = Relation("hits", run, -100, 1500)
    names = {"hits": hits, "words": Relation("words", run, -FAR, FAR)}

    def ask(sql):
        query = confined(engine, sql, names)
        return fetch_query(engine, query, names), fetch_text(engine, query, names, "TSV")

    table, text = ask(
        "SELECT wire, count() AS n, sum(t) AS s FROM hits GROUP BY wire ORDER BY wire"
    )
    both, _ = ask("SELECT count() AS n FROM hits AS h JOIN words AS w ON h.t = w.t")
    value = histogram_of(engine, "t % 100", "hits", "wire > 1", names, 10, None, None, 60)
    tried = dry_run(engine, run, TRIGGERS["pairs"], Window(0, 900), most=1000, seconds=60)
    return [
        read(engine, hits).sort_by([("t", "ascending"), ("link", "ascending")]).to_pylist(),
        table.to_pylist(),
        text,
        both.to_pylist(),
        value,
        (tried.n_rows, tried.rows.sort(pl.all()).rows()),
        count_by(engine, hits, ["wire", "link"]).rows(),
        distinct(engine, hits, ["wire"]).rows(),
        histogram(engine, hits, "wire", 5, None, None, 60),
        histogram2d(engine, hits, ("t", "wire"), (Axis(0, 1000, 4), Axis(0, 5, 5)), 60).counts.tolist(),
        read_frame(engine, run, Window(-100, 1500)).sort(pl.all()).rows(),
    ]  # fmt: skip


@pytest.mark.parametrize("home_address", OTHERS, indirect=True)
class TestAway:
    def test_every_question_has_the_same_answer(self, engine, home):
        inline, mixed = (stored(engine, HITS, each) for each in (None, home))
        assert words_away(engine, mixed.run_id, -FAR, FAR, TOY.slice)[0] > 50
        assert answers(engine, mixed) == answers(engine, inline)

    def test_nothing_stays_of_what_was_fetched(self, engine, home):
        run = stored(engine, HITS, home)
        answers(engine, run)
        left = engine.fetch("SELECT count() AS n FROM fetched_chunks")
        assert left["n"].to_pylist() == [0]

    def test_a_statement_fetches_so_many_words_at_most(self, engine, home, monkeypatch):
        run = stored(engine, HITS, home)
        monkeypatch.setattr(away, "MOST_WORDS", 50)
        with pytest.raises(UsageError, match=rf"run restore {run.run_id}"):
            read(engine, Relation("hits", run, -FAR, FAR))
        assert read(engine, Relation("hits", run, 0, 100)).num_rows == 10

    def test_words_that_move_while_they_are_read_are_read_again(self, engine, home):
        run = stored(engine, HITS, home)
        moved = []

        def ask(names):
            found = read_count(engine, names["hits"])
            if len(moved) < 1 and names["hits"].fetched:
                late = toy_chunks(run.run_id, [Hit(7, 5, 1)])
                write_chunks(engine, late, TOY, NOW, home)
                moved.append(1)
            return found

        found = away.with_words(engine, {"hits": Relation("hits", run, -FAR, FAR)}, ask)
        assert found == len(HITS) + 1

    def test_a_server_gives_the_same_answers(self, server_engine, home_address):
        home = home_at(server_engine, home_address)
        inline, mixed = (stored(server_engine, HITS, each) for each in (None, home))
        assert answers(server_engine, mixed) == answers(server_engine, inline)

    def test_shards_give_the_same_answers(self, shards_engine, home_address):
        # The library that stands in for a server ends when the first shard to find words away
        # lets a statement fail: here it fails before it is sent.
        home = home_at(shards_engine, home_address)
        run = toy_run(shards_engine)
        parts = by_shard(toy_chunks(run.run_id, HITS), TOY.slice, 2)
        assert len(parts) == 2
        for k, chunks in parts:
            for third in range(3):
                at = shards_engine.shards[k]
                write_chunks(at, chunks[third::3], TOY, NOW, home if third else None)

        def ask(names):
            if names["hits"].fetched is None:
                raise StoreError(AWAY)
            return sorted(
                shards_engine.fetch(select_of(shards_engine, names["hits"]))["t"].to_pylist()
            )

        hits = {"hits": Relation("hits", run, 0, 1500)}
        found = away.with_words(shards_engine, hits, ask)
        assert found == sorted(hit.t for hit in HITS if 0 <= hit.t < 1500)

    def test_words_that_are_gone_are_told(self, engine, home):
        run = stored(engine, HITS, home)
        for hour in home.counts():
            mine = [each for each in home.stored(hour) if each.run_id == run.run_id]
            home.discard(hour, mine, LATER)
        for look in (
            lambda: read(engine, Relation("hits", run, -FAR, FAR)),
            lambda: read_frame(engine, run, Window(-FAR, FAR)),
        ):
            if home.address.startswith("mongodb"):
                with pytest.raises(StoreError, match="lacks the words of chunk"):
                    look()


def read_count(engine, hits):
    found = engine.fetch(f"SELECT count() AS n FROM ({select_of(engine, hits)})")
    return found["n"][0].as_py()

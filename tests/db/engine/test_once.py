"""A block whose token a killed server has noted, and which it has not got."""

import shutil

import pytest
from ticks import NOW, Hit, toy_chunk, toy_run

from db.engine.once import insert_once
from db.errors import StoreError
from db.words.chunks import read_words, write_chunks
from db.words.gaps import Gap, book_gaps, read_gaps
from db.words.hits_view import create_views


def lose(server, engine, table, run_id):
    """Leave the server as a kill does that comes between the token and the block."""
    (part,) = engine.fetch(
        f"SELECT path FROM system.parts WHERE active AND name IN"
        f" (SELECT _part FROM {table} WHERE run_id = {run_id}) AND table = '{table}'"
        " AND database = currentDatabase()"
    )["path"].to_pylist()
    server.kill()
    shutil.rmtree(part)
    server.start()


@pytest.fixture
def unmerged(server_engine):
    for table in ("chunks", "gaps", "runs"):
        server_engine.execute(f"SYSTEM STOP MERGES {table}")
    yield server_engine
    for table in ("chunks", "gaps", "runs"):
        server_engine.execute(f"SYSTEM START MERGES {table}")


def test_words_that_the_store_knows_and_has_not_got_are_stored_once(unmerged, servers):
    engine, run = unmerged, toy_run(unmerged)
    create_views(engine, run.detector)
    chunks = [toy_chunk(run.run_id, 0, 0, [Hit(t, 0, 1) for t in (1, 2, 3)], 0, at=1)]
    write_chunks(engine, chunks, run.detector, NOW)
    lose(servers[0], engine, "chunks", run.run_id)
    write_chunks(engine, chunks, run.detector, NOW)
    assert len(read_words(engine, run.run_id, 0, 9, 500).words) == 0, "else nothing is shown here"
    for _ in range(3):
        write_chunks(engine, chunks, run.detector, NOW, tried=True)
        assert len(read_words(engine, run.run_id, 0, 9, 500).words) == 3
    lose(servers[0], engine, "chunks", run.run_id)  # a second kill, at the second token
    write_chunks(engine, chunks, run.detector, NOW, tried=True)
    assert len(read_words(engine, run.run_id, 0, 9, 500).words) == 3


def test_gaps_that_the_store_knows_and_has_not_got_are_booked_once(unmerged, servers):
    engine, run = unmerged, toy_run(unmerged)
    gaps = [Gap(run.run_id, 0, "packets_lost", 5, 7, n_lost=2), Gap(run.run_id, 1, "silent", 1, 2)]
    book_gaps(engine, gaps, f"gaps of {run.run_id}")
    lose(servers[0], engine, "gaps", run.run_id)
    book_gaps(engine, gaps, f"gaps of {run.run_id}")
    assert read_gaps(engine, run.run_id).is_empty(), "else nothing is shown here"
    for _ in range(3):
        book_gaps(engine, gaps, f"gaps of {run.run_id}", tried=True)
        assert read_gaps(engine, run.run_id)["n_lost"].to_list() == [0, 2]


@pytest.mark.parametrize("knows", [True, False])
def test_a_block_that_is_never_seen_is_told(knows):
    class Blind:
        keeps_tokens = knows

        def insert(self, table, rows, token):
            tokens.append(token)

    tokens = []
    with pytest.raises(StoreError, match="acknowledges a block of chunks and does not show it"):
        insert_once(Blind(), "chunks", None, "token", lambda: False)
    assert len(tokens) == len(set(tokens)) > 1


def test_the_number_of_a_run_that_the_store_knows_and_has_not_got_can_still_be_had(
    unmerged, servers
):
    engine, lost = unmerged, toy_run(unmerged)
    lose(servers[0], engine, "runs", lost.run_id)
    assert toy_run(engine).run_id == lost.run_id

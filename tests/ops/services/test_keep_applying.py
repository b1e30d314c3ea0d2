"""Retention beside data taking, as ``everyhit up`` has it."""

from datetime import UTC, datetime

from ticks import TOY, Hit, toy_chunks

from db.catalogue.runs import close_run, open_run
from db.retention.policy import set_policy
from db.retention.words import aside_parts
from db.words.shards import write_by_shard
from ops.services.retention import keep_applying

LONG_AGO = datetime(2024, 3, 1, 7, tzinfo=UTC)


def test_words_are_put_aside_when_they_are_old_enough(engine):
    set_policy(engine, "kept by the process", 30)
    told = {"type": "kept by the process"}
    run = open_run(engine, TOY, cell=100, settings=told, started_at=LONG_AGO)
    close_run(engine, run, LONG_AGO)
    waits = []

    def wait(seconds):
        """The words come after the first look."""
        if not waits:
            assert run.run_id not in aside(engine)
            write_by_shard(engine, toy_chunks(run.run_id, [Hit(5, 0, 1)]), TOY, LONG_AGO)
        waits.append(seconds)
        return len(waits) == 2

    keep_applying(engine, 7.0, wait)
    assert waits == [7.0, 7.0]
    assert run.run_id in aside(engine)


def aside(engine):
    return {each.run_id for part in aside_parts(engine.here) for each in part.holds}

from datetime import UTC, datetime

from ticks import TOY, toy_chunk

from db.catalogue.runs import open_run
from db.retention.policy import set_policy
from db.retention.usage import held_by_policies
from db.words.shards import write_by_shard


def test_a_part_of_heartbeats_alone_takes_room(engine):
    kind = "silent"
    set_policy(engine, kind, 30)
    run = open_run(engine, TOY, cell=100, settings={"type": kind})
    heartbeat = toy_chunk(run.run_id, 0, 0, [], 50)
    write_by_shard(engine, [heartbeat], TOY, datetime(2021, 3, 4, 5, tzinfo=UTC))
    (held,) = [each for each in held_by_policies(engine) if each.run_type == kind]
    assert held.words == 0
    assert held.bytes > 0

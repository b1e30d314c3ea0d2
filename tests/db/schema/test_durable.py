"""No table keeps an acknowledged insert in memory alone; tests/ops/test_power_cut.py cuts power."""

import pytest
from lineages import new_lineage

from db.schema.migrate import migrate

pytestmark = pytest.mark.every_store


def not_durable(engine):
    sure = ("fsync_after_insert = 1", "fsync_part_directory = 1", "fsync_after_merge = 1")
    lacks = " OR ".join(f"create_table_query NOT LIKE '%{setting}%'" for setting in sure)
    found = engine.fetch(
        "SELECT name FROM system.tables WHERE database = currentDatabase()"
        f" AND engine LIKE '%MergeTree' AND ({lacks})"
    )
    return set(found["name"].to_pylist())


def test_inserts_into_every_table_wait_for_the_disk(engine):
    new_lineage(engine)
    for shard in engine.shards:
        assert not_durable(shard.here) == set()


def test_tables_of_older_versions_are_made_to_wait(engine):
    here, lineage = engine.here, new_lineage(engine)
    for name in ("runs", lineage.table):
        here.execute(
            f"ALTER TABLE {name} RESET SETTING fsync_after_insert, fsync_part_directory,"
            " min_compressed_bytes_to_fsync_after_merge"
        )
    assert not_durable(here) == {"runs", lineage.table}
    migrate(here)
    assert not_durable(here) == set()

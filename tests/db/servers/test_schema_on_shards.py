from dataclasses import replace

import pytest
from ticks import Hit, toy_chunks, toy_run, write

from db.engine.address import parse_address
from db.engine.server import connect
from db.errors import StoreError
from db.schema.tables import newest_version, tables
from db.servers.schema import check_schema, create_reader, create_schema, shard_states
from ops.servers.clickhouse import clickhouse_servers, url


@pytest.fixture(scope="module")
def strangers(tmp_path_factory):
    """Two servers that do not know each other."""
    folder = tmp_path_factory.mktemp("strangers")
    with clickhouse_servers(folder / "s", 2, clusters=False) as servers:
        yield servers


def test_servers_that_do_not_know_each_other_are_told_what_to_add(strangers):
    with pytest.raises(StoreError) as told:
        create_schema(parse_address(url(strangers)))
    said = str(told.value)
    assert f"the configuration of {strangers[0].host}" in said
    assert "<remote_servers>" in said
    for server in strangers:
        assert f"<port>{server.port}</port>" in said
    assert "***" in said


def test_hosts_in_another_order_than_the_servers_know_are_refused(servers):
    with pytest.raises(StoreError, match="name the hosts") as told:
        create_schema(parse_address(url(servers[::-1], "turned")))
    assert f"{servers[0].host}, {servers[1].host}" in str(told.value)


def test_a_store_grows_by_a_shard_and_keeps_what_it_has(servers):
    alone, both = (parse_address(url(s, "grows")) for s in (servers[:1], servers))
    create_schema(alone)
    engine = connect(alone)
    run = toy_run(engine)
    from db.words.hits_view import create_views, key

    create_views(engine, run.detector)
    write(engine, run, toy_chunks(run.run_id, [Hit(t, 0, 1) for t in range(0, 3000, 100)]))
    engine.close()

    create_schema(both)
    engine = connect(both)
    check_schema(engine)
    write(engine, run, toy_chunks(run.run_id, [Hit(t, 1, 2) for t in range(0, 3000, 100)]))
    for shard in engine.shards:
        view = f"hits_{key(run.detector)}(run = {run.run_id}, a = 0, b = 3000)"
        found = shard.fetch(f"SELECT link, count() AS n FROM {view} GROUP BY link ORDER BY link")
        assert found.to_pylist() == [{"link": 0, "n": 30}, {"link": 1, "n": 30}]
        assert shard.here.fetch("SELECT count() AS n FROM chunks")["n"][0].as_py()
    engine.close()


def test_making_the_schema_again_changes_nothing(servers):
    address = parse_address(url(servers, "again"))
    assert create_schema(address) == newest_version()
    engine = connect(address)
    toy_run(engine)
    create_schema(address)
    assert engine.fetch("SELECT count() AS n FROM runs")["n"].to_pylist() == [1]
    entered = engine.shards[0].here.fetch("SELECT version FROM schema_versions ORDER BY version")
    versions = entered["version"].to_pylist()
    assert versions == sorted(set(versions))
    assert versions[-1] == newest_version()
    engine.close()


def test_the_state_of_each_shard_is_told(servers):
    address = parse_address(url(servers, "states"))
    before = shard_states(address)
    assert [s.host for s in before] == [s.host for s in servers]
    assert all("everyhit db init" in s.fault and s.server for s in before)
    create_schema(address)
    engine = connect(address)
    run = toy_run(engine)
    write(engine, run, toy_chunks(run.run_id, [Hit(t, 0, 1) for t in range(0, 1000, 10)]))
    engine.shards[1].here.execute("DROP TABLE gaps SYNC")
    after = shard_states(address)
    engine.close()
    assert sum(s.words for s in after) == 100
    assert [s.schema for s in after] == [newest_version()] * 2
    assert [s.missing for s in after] == [(), ("states.gaps",)]
    assert all(s.free_bytes > 0 and s.stored_bytes > 0 and not s.fault for s in after)


def test_a_shard_that_is_away_is_a_state_too(servers):
    gone = replace(parse_address(url(servers, "states")), hosts=(("127.0.0.1", 1),))
    (state,) = shard_states(gone)
    assert "no server answers at 127.0.0.1:1" in state.fault
    assert not state.server


def test_every_table_of_the_schema_is_known_by_name():
    assert {"chunks", "runs", "ledger", "schema_versions"} <= set(tables())


def test_a_reader_that_must_be_added_by_hand_is_written_out(tmp_path):
    """These servers keep users in files, among them the reader of the database ``one``."""
    with clickhouse_servers(tmp_path / "s", 1, databases=("one",)) as servers:
        create_schema(parse_address(url(servers, "one")))
        create_schema(parse_address(url(servers, "two")))
        assert create_reader(parse_address(url(servers, "one"))) == ""
        xml = create_reader(parse_address(url(servers, "two")))
    assert "<two_reader>" in xml
    assert "GRANT SELECT ON two.chunks" in xml

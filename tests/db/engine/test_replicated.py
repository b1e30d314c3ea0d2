import re

import pytest

from db.engine.replicated import replicated
from db.schema.migrate import _statements
from db.schema.tables import scripts

STATEMENTS = [s for text in scripts().values() for s in _statements(text) if "CREATE TABLE" in s]


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda s: s.split("(")[0].split()[-1])
def test_every_table_has_a_replicated_form_that_the_server_parses(server_engine, statement):
    """Only parsed: replicas need a Keeper, and the servers of these tests have none."""
    made = replicated(statement)
    told = server_engine.fetch("SELECT formatQuery({sql:String}) AS s", {"sql": made})["s"][
        0
    ].as_py()
    assert re.search(r"ENGINE = Replicated\w*MergeTree\('/clickhouse/tables/\{shard\}/", told)
    assert "non_replicated" not in told


def test_arguments_stay_behind_the_place():
    made = replicated("CREATE TABLE t (n Int8) ENGINE = ReplacingMergeTree(revision) ORDER BY n")
    assert made.endswith(
        "ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}',"
        " '{replica}', revision) ORDER BY n"
    )


def test_what_is_no_table_stays_as_it_is():
    assert replicated("CREATE VIEW v AS SELECT 1") == "CREATE VIEW v AS SELECT 1"

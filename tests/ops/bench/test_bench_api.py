import json
import subprocess
import sys

import pytest
from graphql import parse, validate
from hypothesis import given
from hypothesis import strategies as st

from api.graphql.schema import schema
from ops.bench.audience import QUERIES, TOPICS, heard


@given(st.lists(st.sets(st.integers(0, 30)), min_size=1, max_size=5), st.floats(0, 0.2))
def test_what_others_got_and_a_subscriber_did_not_was_skipped(seen, late):
    every = sorted(set().union(*seen))
    of_each = [[(n + late * k, n) for n in sorted(mine)] for k, mine in enumerate(seen)]
    found = heard(of_each)
    assert found.messages == len(every)
    assert found.deliveries == sum(map(len, seen))
    assert found.skipped == sum(
        sum(min(mine) < n < max(mine) and n not in mine for n in every) for mine in seen if mine
    )


def test_a_delivery_is_late_by_what_came_after_the_first_had_it():
    found = heard([[(0.0, 1), (1.0, 2)], [(0.0, 1), (1.25, 2)]])
    assert (found.after_the_first.n, found.after_the_first.max_s) == (4, 0.25)


def test_at_the_command_line_it_tells_queries_topics_and_the_ingest(tmp_path):
    asked = ["--rate", "20000", "--seconds", "3", "--rounds", "1", "--subscribers", "8"]
    code = "from ops.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "bench", "api", *asked, "--queries", "5", "--json",
         "--store", str(tmp_path / "store")],
        capture_output=True,
        text=True,
        check=True,
    )  # fmt: skip
    told = json.loads(done.stdout)
    quiet, loud = told["phases"]
    assert quiet["audience"] is None
    assert quiet["words_per_s"] > 0 < loud["words_per_s"]
    assert told["slowed"] == pytest.approx(1 - loud["words_per_s"] / quiet["words_per_s"], abs=1e-3)
    found = loud["audience"]
    assert set(found["queries"]) == {*QUERIES, "all"}
    assert found["queries"]["all"]["n"] == 15
    assert found["failed"] == 0
    assert set(found["topics"]) == set(TOPICS)
    assert found["topics"]["watermarks"]["deliveries"] > 0
    assert found["cpu_cores"] > 0


@pytest.mark.parametrize("text", [*QUERIES.values(), *TOPICS.values()])
def test_the_schema_knows_what_is_asked(text):
    assert not validate(schema._schema, parse(text))

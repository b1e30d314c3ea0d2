"""The same on a store of two shards."""

import pytest
import test_old_results as promises

run = promises.run


@pytest.fixture
def engine(shards_engine):
    return shards_engine


def test_older_lineages_go(engine, run):
    promises.test_older_lineages_go_when_their_days_are_over_and_the_newest_stays(engine, run)

"""The promises of retention on a store of two shards, each of which puts its own parts aside."""

import pytest
import test_retention as promises


@pytest.mark.parametrize(
    "promise",
    [
        promises.test_all_but_the_words_reads_the_same_when_they_are_gone_for_good,
        promises.test_within_the_grace_words_come_back,
        promises.test_reprocessing_without_words_is_one_error_and_changes_nothing,
    ],
    ids=lambda promise: promise.__name__.removeprefix("test_"),
)
def test_on_shards(shards_engine, folder, promise):
    promise(shards_engine, folder)

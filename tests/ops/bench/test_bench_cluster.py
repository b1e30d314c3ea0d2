import json

import pytest

from ops.bench.cluster import Sizes, cluster_cells, print_cells

TINY = Sizes(words=60_000, words_per_s=2e5, rate=5000.0, seconds=0.5, cost_words=40_000, repeats=1)


def test_a_cell_tells_rates_latency_cost_and_who_was_busy(servers, capsys):
    (cell,) = cluster_cells([1], [1], TINY)
    assert cell.stored.words == cell.through.words == pytest.approx(60_000, rel=0.2)
    assert cell.stored.words_per_s > 0 < cell.through.words_per_s
    assert cell.latency.words_per_s == pytest.approx(5000, rel=0.5)
    assert 0 < cell.latency.p50_s <= cell.latency.p99_s <= cell.latency.max_s
    assert cell.latency.events > 0
    assert cell.cost_small_ms > 0 < cell.cost_large_ms
    parts = {"client", "shard0", "redis", "worker", "conductor"}
    assert set(cell.stored.cores) == set(cell.through.cores) == parts
    assert set(cell.latency.cores) == parts | {"readout"}
    assert cell.through.cores["worker"] > 0
    assert cell.latency.cores["readout"] > 0
    print_cells([cell], as_json=True)
    (told,) = json.loads(capsys.readouterr().out)["cells"]
    assert told["p99_s"] == cell.latency.p99_s


def test_after_its_time_no_cell_is_begun():
    said = []
    assert not list(cluster_cells([1, 2], [1], TINY, said.append, limit_s=-1))
    assert said == [f"no time is left for {n} shards and 1 workers" for n in (1, 2)]

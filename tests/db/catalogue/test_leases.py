"""Of several that claim something at the same moment, all are told of the same one."""

from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from db.catalogue.leases import claim, find_lease, let_go
from db.catalogue.origins import claim_origin, find_origin
from db.catalogue.runs import open_run
from db.detector import load

pytestmark = pytest.mark.every_store  # its promises hold on servers, too


_names = count(1)


@pytest.fixture
def run(engine):
    return open_run(engine, load("drift_tubes_v1"), name=f"claims {next(_names)}", cell=1000)


def test_a_run_has_one_origin_however_many_claim_one(engine, run):
    assert find_origin(engine, run) is None
    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(lambda k: claim_origin(engine, run, -k), range(1, 9)))
    assert len(set(told)) == 1
    assert find_origin(engine, run) == told[0] in range(-8, 0)


def test_a_run_s_posts_have_one_taker_however_many_claim_them(engine, run):
    names = [f"server {k}" for k in range(6)]
    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(lambda name: claim(engine, run.run_id, name, 60).name, names))
    taker = find_lease(engine, run.run_id)
    assert set(told) == {taker.name}
    other = next(name for name in names if name != taker.name)
    let_go(engine, run.run_id, other)  # has nothing to let go of
    assert claim(engine, run.run_id, other, 60).name == taker.name
    let_go(engine, run.run_id, taker.name)
    assert claim(engine, run.run_id, other, 60).name == other
    assert claim(engine, run.run_id, taker.name, 0).name == taker.name

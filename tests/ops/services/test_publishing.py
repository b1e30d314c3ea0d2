"""Rules that stand: documents follow the ledger, through outages, and their lag is known."""

from collections import Counter
from types import SimpleNamespace

import pytest
from lineages import new_lineage
from publication import answers, commit, documents
from ticks import toy_run

from db.catalogue.runs import amend_run, close_run
from db.engine.address import parse_address
from db.engine.server import connect
from db.errors import StoreError, UsageError
from db.publication.rules import PublicationRule, find_rule, is_for, list_rules, set_rule
from db.publication.target import target_at
from db.results.lineage_runs import note_ran
from db.servers.schema import create_schema
from ops.alarms.looks import Limits, publications
from ops.servers.clickhouse import url
from ops.services import publishing
from ops.services.publishing import ALL_RUNS, Publisher


@pytest.fixture
def server(tmp_path):
    from ops.servers.mongodb import MongoDb

    try:
        own = MongoDb(tmp_path / "home")
        own.start()
    except (StoreError, ModuleNotFoundError) as fault:
        pytest.skip(str(fault))
    yield own
    own.kill()


@pytest.fixture
def engine(servers, tmp_path):
    """A store of its own: rules are for all runs of a store."""
    address = parse_address(url(servers[:1], tmp_path.name.lower()))
    create_schema(address)
    engine = connect(address)
    yield engine
    engine.close()


@pytest.mark.mongodb
def test_documents_follow_through_an_outage(engine, server, monkeypatch):
    from db.words.homes.address import know_homes

    know_homes([server.url()])
    now = SimpleNamespace(s=0.0)
    monkeypatch.setattr(publishing, "time", SimpleNamespace(monotonic=lambda: now.s))
    target = target_at(engine, server.url())
    run, other = toy_run(engine, 10), toy_run(engine, 10)
    amend_run(engine, other, settings={"type": "cosmics"})
    set_rule(engine, PublicationRule("default", target.address, triggers=("found",)))
    set_rule(engine, PublicationRule("cosmics", target.address, events=True))
    first, second = (new_lineage(engine, run.run_id) for _ in range(2))
    note_ran(engine, [first])
    note_ran(engine, [new_lineage(engine, other.run_id)])
    publisher = Publisher(engine)

    def step(seconds=1.0):
        now.s += seconds
        publisher.step(now.s)
        lags = {
            each["runs"]: (each["lag_s"], each["trouble"]) for each in publisher.lags()["rules"]
        }
        return lags["default"]

    def states():
        found = target.client.get_default_database()["runs"].find({"store": target.store})
        return {each["run"]: each["state"] for each in found}

    def same():
        return documents(target, run) == answers(engine, run) != Counter()

    commit(engine, first, 1, [1, 2])
    assert step() == (0.0, "") and same()
    assert states() == {run.run_id: "open", other.run_id: "open"}
    commit(engine, first, 2, [3])
    commit(engine, first, 1, [4], revision=1)  # late data
    assert step() == (0.0, "") and same()
    note_ran(engine, [second], (0, 20))  # a reprocessing
    commit(engine, second, 1, [7, 8, 9])
    assert step() == (0.0, "") and same()

    server.kill()
    assert step() == (0.0, "")  # nothing to do
    commit(engine, first, 3, [5])
    lag, trouble = step(100)
    assert lag == 100 and "does not answer" in trouble
    rules = list_rules(engine)
    of_runs, other_rule, sign = publications(rules, [publisher.lags()], Limits(publication_s=60))
    assert (of_runs.wrong, other_rule.wrong) == (False, False)
    assert sign.wrong and "does not answer" in sign.stopped and "@" not in sign.stopped
    (family,) = publisher.collect()
    assert {each.labels["runs"]: each.value for each in family.samples} == {
        "default": 100.0,
        "cosmics": 0.0,
        ALL_RUNS: 0.0,
    }
    commit(engine, first, 3, [6], revision=1)
    close_run(engine, run)
    server.start()
    assert step(10) == (0.0, "") and same()
    assert not any(sign.wrong for sign in publications(rules, [publisher.lags()], Limits()))
    assert states()[run.run_id] == "closed"
    assert documents(target, other) == Counter()

    # Begun anew, nothing is written that is there.
    monkeypatch.setattr("db.publication.publish.put", None)
    publisher = Publisher(engine)
    assert step() == (0.0, "") and same()


def test_nobody_who_publishes_is_an_alarm_where_a_rule_stands():
    rule = PublicationRule("default", "mongodb://host/db", events=True)
    for publishers in ([], [{"rules": []}]):
        (sign,) = publications([rule], publishers, Limits())
        assert sign.wrong and "no conductor does it" in sign.stopped
    assert publications([], [], Limits()) == []


def test_of_several_rules_those_of_the_nearest_type_decide(engine):
    run = amend_run(engine, toy_run(engine), name="beam 7")
    rules = [PublicationRule(kind, "mongodb://h/d") for kind in ("default", "beam*", "cosmics")]
    for rule in rules:
        set_rule(engine, rule)
    assert list_rules(engine) == sorted(rules, key=lambda rule: rule.run_type)
    assert [rule.run_type for rule in rules if is_for(rule, run, rules)] == ["beam*"]
    set_rule(engine, find_rule(engine, "beam*"), holds=False)
    left = list_rules(engine)
    assert [rule.run_type for rule in left if is_for(rule, run, left)] == ["default"]
    with pytest.raises(
        UsageError, match=r"for beam\*; there are: cosmics to mongodb://h/d, default"
    ):
        find_rule(engine, "beam*")

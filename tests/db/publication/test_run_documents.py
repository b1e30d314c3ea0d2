"""Runs as documents are what the catalogue says."""

import pytest
from homes import OTHERS
from ticks import toy_run

from db.catalogue.annotations import Edit, annotate
from db.catalogue.runs import amend_run, close_run
from db.publication.run_documents import bring_runs, states_in
from db.publication.target import target_at

pytestmark = [
    pytest.mark.every_store,
    pytest.mark.parametrize("home_address", OTHERS[:1], indirect=True),
]


def document(target, run):
    collection = target.client.get_default_database()["runs"]
    (found,) = collection.find({"store": target.store, "run": run.run_id})
    return found


def test_runs_follow_the_catalogue(engine, home_address):
    target = target_at(engine, home_address)
    run, other = toy_run(engine), toy_run(engine)
    known, _ = bring_runs(engine, target)
    assert known.sort("run").equals(states_in(target).sort("run"))
    assert bring_runs(engine, target)[1] == bring_runs(engine, target, known)[1] == 0
    found = document(target, run)
    assert (found["state"], found["fields"], found["tags"]) == ("open", {}, [])
    assert (found["tick_ns"], found["window_ticks"]) == (1.0, run.cell)

    annotate(engine, run.run_id, Edit({"beam_energy_GeV": 22, "gas": "CO2"}, tags=["golden"]), "me")
    close_run(engine, amend_run(engine, run, note="good", settings={"type": "beam"}))
    known, n = bring_runs(engine, target, known)
    assert n == 1
    found = document(target, run)
    assert found["fields"] == {"beam_energy_GeV": 22, "gas": "CO2"} and found["tags"] == ["golden"]
    assert (found["state"], found["note"], found["settings"]) == (
        "closed",
        "good",
        {"type": "beam"},
    )
    assert found["stopped_at"] is not None and found["name"] == run.name

    annotate(engine, run.run_id, Edit({}, unset=["gas"], untag=["golden"]), "me")
    collection = target.client.get_default_database()["runs"]
    collection.delete_one({"store": target.store, "run": other.run_id})
    stray = {"_id": f"{target.store}.stray", "store": target.store, "run": 10**9}
    collection.insert_one(stray | {"revision": 1, "said": 0})
    assert bring_runs(engine, target)[1] == 3  # rebuilt, whatever is there
    assert document(target, run)["fields"] == {"beam_energy_GeV": 22}
    assert document(target, other)["run"] == other.run_id
    assert collection.count_documents({"_id": stray["_id"]}) == 0

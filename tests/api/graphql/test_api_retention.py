"""How long words are kept, asked and set over the API, against what the disk and the ledger say."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from ticks import TOY, Hit, toy_chunks

from db.catalogue.runs import open_run
from db.retention.policy import Pin, list_pins, list_policies, pin, set_policy
from db.words.shards import write_by_shard
from everyhit import ApiError, Client

DAY = timedelta(days=1)
OLD = datetime(2024, 3, 1, 5, tzinfo=UTC)
POLICIES = """{ retention { policies { runType rawDays runs words bytes partitions days oldest
  asideWords asideBytes thenArchive } } }"""


@pytest.fixture(scope="module")
def old_run(engine):
    """Two runs of a type: words of both in one hour, of one in an hour of another day."""
    made = []
    for n in range(2):
        run = open_run(engine, TOY, cell=100, settings={"type": "cosmics of the API"})
        hits = [Hit(10 * k, k % 3, k % 4) for k in range(30 * (n + 1))]
        write_by_shard(engine, toy_chunks(run.run_id, hits), TOY, OLD)
        made.append(run)
    write_by_shard(engine, toy_chunks(made[0].run_id, [Hit(5000, 3, 0)]), TOY, OLD + DAY)
    return made[0]


def policies(client):
    return {p["runType"]: p for p in client.graphql(POLICIES)["retention"]["policies"]}


def test_a_policy_is_set_and_tells_what_it_holds(client, engine, old_run):
    answer = client.graphql(
        'mutation { setRetention(runType: "cosmics of the API", rawDays: 30) { rawDays runs } }'
    )["setRetention"]
    assert answer == {"rawDays": 30, "runs": 2}
    assert list_policies(engine)["cosmics of the API"] == 30
    mine = policies(client)["cosmics of the API"]
    assert mine["words"] == "91"
    assert (mine["runs"], mine["days"]) == (2, 2)
    assert 2 <= mine["partitions"] <= 2 * len(engine.shards)
    assert datetime.fromisoformat(mine["oldest"]) == OLD
    assert "default" in policies(client)
    client.graphql('mutation { setRetention(runType: "cosmics of the API") { rawDays } }')
    assert list_policies(engine)["cosmics of the API"] is None


def test_a_policy_may_move_words_to_another_home(client, engine):
    set_ = """mutation ($to: String, $days: Int) { setRetention(
      runType: "beam of the API", rawDays: $days, thenArchive: $to) { rawDays thenArchive } }"""
    home = "s3://bucket/daq?endpoint=http://host:8333"
    told = client.graphql(set_, {"days": 30, "to": home.replace("//", "//key:secret@", 1)})
    assert told["setRetention"] == {"rawDays": 30, "thenArchive": home}
    noted = [json.loads(each["arguments"]) for each in _noted(engine, "setRetention")]
    assert "s3://…@bucket/daq?endpoint=http://host:8333" in [n.get("then_archive") for n in noted]
    told = client.graphql(set_, {"days": 40})  # as the page does
    assert told["setRetention"] == {"rawDays": 40, "thenArchive": home}
    assert policies(client)["beam of the API"]["thenArchive"] == home
    with pytest.raises(ApiError, match="a home's address is"):
        client.graphql(set_, {"days": 30, "to": "ftp://x"})
    told = client.graphql(set_, {"days": 30, "to": ""})
    assert told["setRetention"]["thenArchive"] == ""


def _noted(engine, action):
    rows = engine.fetch(
        "SELECT arguments FROM audit WHERE action = {action:String}", {"action": action}
    )
    return rows.to_pylist()


def test_a_run_says_where_its_words_lie(client, old_run):
    asked = f'{{ run(which: "#{old_run.run_id}") {{ words homes {{ home words }} }} }}'
    run = client.graphql(asked)["run"]
    assert run["homes"] == [{"home": "", "words": run["words"]}]


def test_no_byte_and_no_word_is_counted_twice_or_forgotten(client, engine):
    """All policies together hold what the engine says is on the disk."""
    on_disk = (
        "SELECT sum(bytes_on_disk) AS n FROM system.parts WHERE active AND table = 'chunks'"
        " AND database = currentDatabase()"
    )

    def taken():
        return sum(shard.here.fetch(on_disk)["n"][0].as_py() for shard in engine.shards)

    words = engine.fetch("SELECT sum(n_hits) AS n FROM chunks")["n"][0].as_py()
    for _ in range(20):  # until no merge changes the parts meanwhile
        disk, held = taken(), policies(client).values()
        if taken() == disk:
            break
    assert sum(int(p["words"]) for p in held) == words
    shares = sum(int(p["bytes"]) for p in held)
    assert disk - 1000 < shares <= disk  # each run's share of a part is rounded down


def test_what_would_go_is_told_with_why_the_rest_stays(client, engine, old_run):
    text = "{ retentionPlan { hour action words bytes runs { run start stop words } why } }"
    set_ = 'mutation { setRetention(runType: "cosmics of the API", rawDays: 30) { runs } }'

    def mine():
        steps = client.graphql(text)["retentionPlan"]
        return {
            step["hour"]: step
            for step in steps
            if old_run.run_id in [each["run"] for each in step["runs"]]
        }

    client.graphql(set_)
    before = engine.fetch("SELECT count() AS n FROM chunks")["n"][0].as_py()
    steps = mine()
    assert [step["action"] for step in steps.values()] == ["DETACH", "DETACH"]
    assert all(int(step["bytes"]) > 0 and step["why"] == [] for step in steps.values())
    client.graphql(
        f'mutation {{ pinRun(run: "{old_run.run_id}", stop: "2000", note: "a shower") {{ run }} }}'
    )
    kept, gone = mine().values()
    assert (kept["action"], gone["action"]) == ("KEEP", "DETACH")
    assert "a shower" in kept["why"][0]
    assert engine.fetch("SELECT count() AS n FROM chunks")["n"][0].as_py() == before
    client.graphql(f'mutation {{ unpinRun(run: "{old_run.run_id}", stop: "2000") {{ run }} }}')
    assert {step["action"] for step in mine().values()} == {"DETACH"}


def test_pins_are_those_of_the_command_line(client, engine, old_run):
    number = old_run.run_id
    told = client.graphql(f'mutation {{ pinRun(run: "{number}") {{ start stop note }} }}')["pinRun"]
    assert (int(told["start"]), int(told["stop"])) == (-(2**62), 2**62)
    assert Pin(number, -(2**62), 2**62) in list_pins(engine)
    pin(engine, Pin(number, 5, 7, "by hand"))
    shown = client.graphql("{ retention { pins { run start stop note } } }")["retention"]["pins"]
    assert {"run": number, "start": "5", "stop": "7", "note": "by hand"} in shown
    with pytest.raises(ApiError, match="is not pinned; pinned are, in ticks: .*\\[5, 7\\)"):
        client.graphql(f'mutation {{ unpinRun(run: "{number}", start: "4") {{ run }} }}')
    for given in ("", ', start: "5", stop: "7"'):
        client.graphql(f'mutation {{ unpinRun(run: "{number}"{given}) {{ run }} }}')
    assert not [each for each in list_pins(engine) if each.run_id == number]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ('setRetention(runType: "", rawDays: 3) { runs }', "1 to 100 printable"),
        ('setRetention(runType: "a\\nb", rawDays: 3) { runs }', "1 to 100 printable"),
        ('setRetention(runType: "x", rawDays: 0) { runs }', "1 to 36500, or null"),
        ('pinRun(run: "1", start: "9", stop: "3") { run }', "start < stop"),
        ('pinRun(run: "no such run") { run }', "no run"),
    ],
)
def test_mistakes_are_one_line(client, run, asked, said):
    with pytest.raises(ApiError, match=said) as told:
        client.graphql(f"mutation {{ {asked} }}")
    assert told.value.code == "usage"


def test_what_would_go_is_for_those_who_answer_for_it(url, tokens, app_state, client, monkeypatch):
    with Client(url, tokens["physicist"]) as other, pytest.raises(ApiError, match="may not retain"):
        other.graphql("{ retentionPlan { hour } }")
    monkeypatch.setattr(app_state, "rules", replace(app_state.rules, plan_retention=None))
    with pytest.raises(ApiError, match="everyhit retention apply --dry-run"):
        client.graphql("{ retentionPlan { hour } }")


def test_more_policies_and_pins_cost_no_more_statements(client, engine, old_run, monkeypatch):
    said, fetch = [], type(engine).fetch

    def counted(self, sql, params=None):
        if "FROM tokens" not in sql:  # a token is looked up again after some seconds
            said.append(sql)
        return fetch(self, sql, params)

    monkeypatch.setattr(type(engine), "fetch", counted)
    asked = """{ retention { policies { runType words } pins { run note } }
        alarms { name acknowledgedBy } }"""
    client.graphql(asked)
    spent = []
    for n in (1, 20):
        for k in range(n):
            set_policy(engine, f"many {k}", 10)
            pin(engine, Pin(old_run.run_id, k, k + 1))
        requests = []
        for _ in range(4):  # the server asks for itself now and then, not in each of them
            said.clear()
            client.graphql(asked)
            requests.append(len(said))
        spent.append(min(requests))
    for k in range(20):
        pin(engine, Pin(old_run.run_id, k, k + 1), pinned=False)
    assert 0 < spent[0] == spent[1] < 12


def test_changes_are_recorded(client):
    client.graphql('mutation { setRetention(runType: "recorded", rawDays: 9) { runs } }')
    (last,) = client.graphql("{ audit(first: 1) { who action arguments outcome } }")["audit"]
    assert last == {
        "who": "a admin",
        "action": "setRetention",
        "arguments": '{"run_type": "recorded", "raw_days": 9, "then_archive": null}',
        "outcome": "done",
    }


def test_shards_tell_what_lies_on_them(client, engine, old_run):
    told = client.graphql("""{ shards { shard freeBytes totalBytes replicas fault
        kinds { kind parts rows bytes } } }""")["shards"]
    assert [each["shard"] for each in told] == list(range(len(engine.shards)))
    chunks = int(engine.fetch("SELECT count() AS n FROM chunks")["n"][0].as_py())
    kinds = [{kind["kind"]: kind for kind in each["kinds"]} for each in told]
    assert sum(int(each["words"]["rows"]) for each in kinds if "words" in each) == chunks > 0
    for each in told:
        assert 0 < int(each["freeBytes"]) <= int(each["totalBytes"])
        assert each["fault"] == ""
        assert each["replicas"] == 0
        assert all(int(kind["bytes"]) > 0 for kind in each["kinds"])

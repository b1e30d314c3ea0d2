from statements import counted

from api.state import AppState
from db.catalogue.runs import Run
from everyhit import Client

LIST = """query ($run: String, $where: String!) { run(which: $run) {
  events(first: 1000, where: $where) { edges { node { t nWords } } }
  newestEvent(where: $where) { event { t } previous next } } }"""
ONE = """query ($run: String, $t: Ticks!, $where: String!) { run(which: $run) {
  event(t: $t, where: $where) { event { t } previous next } } }"""


# What the page asks for a row that somebody clicked, and what it asks when that is drawn.
DRAWN = """query ($run: String, $t: Ticks!) { run(which: $run) { number detector { fingerprint }
  eventAt(t: $t) { lineage event { t tEnd words { tNs raw values } } found { trigger rows }
    shape { element } } } }"""
BESIDE = """query ($run: String, $t: Ticks!) { run(which: $run) {
  event(t: $t, trigger: "events", where: "") { previous next broughtBy { link seq } } } }"""


def test_a_click_on_a_row_costs_few_statements(client: Client, run: Run, app_state: AppState):
    listed = client.graphql(LIST, {"run": str(run.run_id), "where": ""})["run"]["events"]["edges"]
    t = listed[len(listed) // 2]["node"]["t"]
    with counted(app_state) as said:
        drawn = client.graphql(DRAWN, {"run": str(run.run_id), "t": str(int(t) + 100)})["run"][
            "eventAt"
        ]
    assert drawn["event"]["t"] == t
    assert len(drawn["found"]) == 3
    assert len(said) <= 3 + 3  # the run, its lineages, the event; and the rows of each trigger
    with counted(app_state) as said:
        beside = client.graphql(BESIDE, {"run": str(run.run_id), "t": t})["run"]["event"]
    assert int(beside["previous"]) < int(t) < int(beside["next"])
    assert len(said) <= 3 + 2


def test_events_lead_to_those_beside_them_that_meet_the_same_selection(client: Client, run: Run):
    for where in ("", "n_words > 12"):
        found = client.graphql(LIST, {"run": str(run.run_id), "where": where})["run"]
        times = [edge["node"]["t"] for edge in found["events"]["edges"]]
        assert len(times) > 3
        newest = found["newestEvent"]
        assert newest == {"event": {"t": times[-1]}, "previous": times[-2], "next": None}
        for n in (0, 1, len(times) // 2):
            told = {"run": str(run.run_id), "t": times[n], "where": where}
            one = client.graphql(ONE, told)["run"]["event"]
            assert one["previous"] == (times[n - 1] if n else None)
            assert one["next"] == times[n + 1]


def test_a_run_without_events_has_no_newest(client: Client):
    number = client.graphql('mutation { openRun(detector: "km3net") { number } }')["openRun"]
    found = client.graphql(
        "query ($run: String) { run(which: $run) { newestEvent { previous } } }",
        {"run": str(number["number"])},
    )
    assert found["run"]["newestEvent"] is None


def test_a_detector_says_where_its_channels_lie(client: Client):
    asked = "{ detector(name: %s) { elements { channel names positionMm view } } }"
    wires = client.graphql(asked % '"drift_tubes_v2"')["detector"]["elements"]
    assert len(wires) == 4 * 64
    one = next(w for w in wires if w["names"] == {"chamber": 1, "layer": 1, "wire": 2})
    assert one["view"] == 1
    assert one["positionMm"] == [42.0 - 294.0, 977.3 - 19.5]
    assert client.graphql(asked % '"km3net"')["detector"]["elements"] == []


def test_a_token_says_what_it_may(url: str, tokens: dict[str, str]):
    for role, may, not_ in (
        ("viewer", {"read"}, {"control", "trigger", "retain"}),
        ("shifter", {"control", "acknowledge"}, {"trigger", "retain"}),
        ("dba", {"retain", "reprocess"}, {"control", "trigger"}),
    ):
        with Client(url, tokens[role]) as client:
            said = set(client.graphql("{ me { may } }")["me"]["may"])
        assert may <= said
        assert not said & not_

"""Alarms over the API: asked, followed, acknowledged by name."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from subscriptions import ask, opened

from db.catalogue.alarms import Alarm, list_alarms, save_alarm
from everyhit import ApiError, Client

SINCE = datetime(2026, 11, 21, 10, tzinfo=UTC)
ALL = "name subject state since message acknowledgedBy comment"


@pytest.fixture
def stopped(engine):
    """Two links that have delivered nothing; over at the end."""
    made = [
        save_alarm(engine, Alarm("watermark", f"run 900 link {k}", SINCE, f"link {k} is silent"))
        for k in (1, 2)
    ]
    yield made
    for alarm in made:
        save_alarm(engine, replace(alarm, state="cleared"))


def mine(client, cleared="false"):
    found = client.graphql(f"{{ alarms(cleared: {cleared}) {{ {ALL} }} }}")["alarms"]
    return [alarm for alarm in found if alarm["subject"].startswith("run 900")]


def test_a_shifter_says_that_an_alarm_is_seen(url, tokens, client, engine, stopped):
    first = mine(client)[0]
    assert datetime.fromisoformat(first.pop("since")) == SINCE
    assert first == {
        "name": "watermark",
        "subject": "run 900 link 1",
        "state": "RAISED",
        "message": "link 1 is silent",
        "acknowledgedBy": None,
        "comment": "",
    }
    with Client(url, tokens["shifter"]) as shifter:
        seen = shifter.graphql(
            'mutation($c: String!) { acknowledgeAlarm(name: "watermark",'
            ' subject: "run 900 link 1", comment: $c) { subject state } }',
            {"c": "I'm \"on\" it; '"},
        )["acknowledgeAlarm"]
    assert seen == [{"subject": "run 900 link 1", "state": "ACKNOWLEDGED"}]
    assert [
        (alarm["state"], alarm["acknowledgedBy"], alarm["comment"]) for alarm in mine(client)
    ] == [("ACKNOWLEDGED", "a shifter", "I'm \"on\" it; '"), ("RAISED", None, "")]
    (stored,) = [a for a in list_alarms(engine) if a.subject == "run 900 link 1"]
    assert stored.acknowledged_by == "a shifter"


def test_what_is_over_is_told_when_asked_for(client, engine, stopped):
    save_alarm(engine, replace(stopped[0], state="cleared"))
    assert [alarm["subject"] for alarm in mine(client)] == ["run 900 link 2"]
    states = {alarm["subject"]: alarm["state"] for alarm in mine(client, "true")}
    assert states == {"run 900 link 1": "CLEARED", "run 900 link 2": "RAISED"}


def test_nobody_acknowledges_what_does_not_stand_or_without_the_role(url, tokens, client, stopped):
    with pytest.raises(ApiError, match="no alarm watermark nowhere stands; there: .*run 900 link"):
        client.graphql(
            'mutation { acknowledgeAlarm(name: "watermark", subject: "nowhere") { name } }'
        )
    with Client(url, tokens["physicist"]) as other, pytest.raises(ApiError, match="roles that may"):
        other.graphql('mutation { acknowledgeAlarm(name: "watermark") { name } }')
    assert {alarm["state"] for alarm in mine(client)} == {"RAISED"}


def test_alarms_are_followed(url, tokens, client, engine, stopped):
    def next_states(socket):
        while True:
            message = json.loads(socket.recv(timeout=20))
            if message["type"] == "next":
                told = message["payload"]["data"]["alarms"]
                return [a["state"] for a in told if a["subject"].startswith("run 900")]

    with opened(url, tokens["viewer"]) as socket:
        ask(socket, "subscription { alarms { subject state } }")
        assert next_states(socket) == ["RAISED", "RAISED"]
        client.graphql('mutation { acknowledgeAlarm(name: "watermark") { name } }')
        assert next_states(socket) == ["ACKNOWLEDGED", "ACKNOWLEDGED"]
        save_alarm(engine, replace(stopped[1], state="cleared"))
        assert next_states(socket) == ["ACKNOWLEDGED"]

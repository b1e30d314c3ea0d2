import asyncio
import json
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

import api.graphql.live
from api.access.roles import Who
from api.graphql import limits
from api.graphql.context import Context
from api.graphql.schema import schema
from api.graphql.shared_execution import write_message

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.text(), values, st.sampled_from(["next", "complete", "error"]), st.booleans())
def test_a_message_is_written_as_json_each_time(number, data, kind, more):
    payload = {"data": data} | ({"errors": []} if more else {})
    message = {"id": number, "type": kind, "payload": payload}
    for _ in range(2):
        assert json.loads(write_message(message)) == message
    other = {**message, "id": number + "x"}
    assert json.loads(write_message(other)) == other


def test_equal_data_that_come_and_go_are_never_mixed_up():
    for n in range(500):  # the same place in memory, again and again
        message = {"id": "1", "type": "next", "payload": {"data": {"n": n}}}
        assert json.loads(write_message(message)) == message


@dataclass
class Counting:
    """A moment of rates that counts who looks at it."""

    looked: int = 0

    @property
    def stop(self):
        self.looked += 1
        return 7

    seconds = 1.0
    series = ()


@pytest.mark.parametrize(
    ("texts", "roles", "looks"),
    [
        (["subscription { rates { stop } }"] * 3, ["viewer"] * 3, 1),
        (["subscription { rates { stop } }"] * 3, ["viewer", "admin", "viewer"], 2),
        (
            ["subscription { rates { stop } }", "subscription { rates { seconds stop } }"],
            ["viewer"] * 2,
            2,
        ),
    ],
)
def test_what_several_are_told_is_worked_out_once_for_each_text_and_role(
    monkeypatch, texts, roles, looks
):
    told = Counting()

    async def rates(*_):
        yield told

    monkeypatch.setattr(api.graphql.live, "_told", rates)

    async def one(text, role):
        context = Context(None, Who("somebody", role))
        return await anext(aiter(await schema.subscribe(text, context_value=context)))

    async def scenario():
        return [await one(*each) for each in zip(texts, roles, strict=True)]

    results = asyncio.run(scenario())
    assert [result.errors for result in results] == [None] * len(texts)
    assert {result.data["rates"]["stop"] for result in results} == {"7"}
    assert told.looked == looks


def test_a_text_is_checked_once(monkeypatch):
    weighed = []
    monkeypatch.setattr(limits, "overweight", lambda document: weighed.append(document) or [])

    async def scenario():
        for _ in range(3):
            await schema.execute("{ onlyHere: __typename }", context_value=object())

    asyncio.run(scenario())
    assert len(weighed) == 1

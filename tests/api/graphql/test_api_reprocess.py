"""Reprocessing that is asked for over the API of the process that owns the store."""

import time

import pytest

from db.results.rows import list_lineages, read_committed
from everyhit import ApiError

FAR = 2**40


@pytest.fixture
def run(changing_run):
    """These tests add results."""
    return changing_run


def finish(client, number, until=("DONE", "FAILED", "CANCELLED")):
    for _ in range(300):
        (one,) = (
            each
            for each in client.graphql(
                "{ reprocesses { number state problem done total perSecond secondsLeft } }"
            )["reprocesses"]
            if each["number"] == number
        )
        if one["state"] in until:
            return one
        time.sleep(0.05)
    raise AssertionError(one)


def test_reprocessing_a_range_leaves_the_rest_and_can_be_cancelled(client, engine, run):
    ask = """mutation($r: String!) { reprocess(run: $r, start: "100 ms", stop: "200 ms",
        triggers: [{name: "segments", params: {max_chi2: 5}}]) { number state who } }"""
    begun = client.graphql(ask, {"r": str(run.run_id)})["reprocess"]
    assert begun["who"] == "a admin"
    ended = finish(client, begun["number"])
    assert ended["state"] == "DONE"
    assert ended["done"] == ended["total"] > 0
    newest = next(
        one for one in list_lineages(engine, run.run_id, "segments") if one.params["max_chi2"] == 5
    )
    rows = read_committed(engine, newest, run.cell, -FAR, FAR)
    assert len(rows)
    assert rows["t"].is_between(60_000_000, 240_000_000, closed="left").all()  # whole windows

    # One that waits behind another is cancelled before it begins.
    again = ask.replace("max_chi2: 5", "max_chi2: 7").replace('"200 ms"', '"600 ms"')
    first = client.graphql(again, {"r": str(run.run_id)})["reprocess"]["number"]
    second = client.graphql(again.replace("7}", "8}"), {"r": str(run.run_id)})["reprocess"][
        "number"
    ]
    cancel = "mutation($n: Int!) { cancelReprocess(number: $n) { state } }"
    client.graphql(cancel, {"n": second})
    assert finish(client, second)["state"] == "CANCELLED"
    assert finish(client, first)["state"] == "DONE"
    assert not [
        one for one in list_lineages(engine, run.run_id, "segments") if one.params["max_chi2"] == 8
    ]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ('mutation { reprocess(triggers: [{name: "nope"}]) { number } }', "there is no trigger"),
        (
            'mutation { reprocess(triggers: [{name: "segments", params: {no: 1}}]) { number } }',
            "no parameter",
        ),
        (
            'mutation { reprocess(triggers: [{name: "segments", params: [1]}]) { number } }',
            "object",
        ),
        ("mutation { reprocess(triggers: []) { number } }", "name the triggers"),
        ("mutation { cancelReprocess(number: 999) { number } }", "no reprocessing 999"),
        ("mutation { cancelReprocess(number: -1) { number } }", "no reprocessing -1"),
    ],
)
def test_mistakes_are_one_line(client, run, query, said):
    with pytest.raises(ApiError, match=said):
        client.graphql(query)

"""Fields and tags of runs over GraphQL and with the client."""

from contextlib import contextmanager

import pytest

from db.catalogue.annotations import read_annotations, read_history
from db.catalogue.runs import find_run, open_run
from db.detector import load
from everyhit import ApiError, Client

pytestmark = pytest.mark.every_store


@contextmanager
def as_role(url, tokens, role):
    with Client(url, tokens[role]) as client:
        yield client


@pytest.fixture(scope="module")
def other(engine):
    return open_run(engine, load("km3net"), name="annotated over the wire", cell=10**8)


def test_what_is_said_of_a_run_is_found_again(url, tokens, engine, other):
    with as_role(url, tokens, "shifter") as shifter:
        said = shifter.annotate(
            other.run_id,
            {"beam_GeV": 22.5, "gas": "Ar", "ok": True},
            tags=["wire-cal"],
            note="good",
        )
        assert said == {
            "number": other.run_id,
            "fields": {"beam_GeV": 22.5, "gas": "Ar", "ok": True},
            "tags": ["wire-cal"],
            "note": "good",
        }
        (found,) = shifter.runs("beam_GeV > 22 and 'wire-cal' in tags and gas == 'Ar' and ok")
        assert (found.number, found.fields["gas"]) == (other.run_id, "Ar")
        assert shifter.runs("beam_GeV > 23") == ()
        said = shifter.annotate(other.run_id, {"beam_GeV": 23}, unset=["gas"], untag=["wire-cal"])
        assert (said["fields"], said["tags"]) == ({"beam_GeV": 23, "ok": True}, [])
        assert said["note"] == "good"
        page = shifter.graphql(
            "{ runs(wanted: {where: \"beam_GeV > 22.9 or 'wire-cal' in tags\"}) { totalCount } }"
        )
        assert page["runs"]["totalCount"] == 1
        told = shifter.graphql(
            "query($r: String!) { run(which: $r) { history { who tag name before after at } } }",
            {"r": str(other.run_id)},
        )["run"]["history"]
        twice = shifter.graphql(
            'mutation($r: String!) { a: annotateRun(run: $r, tags: ["b"]) { tags }'
            ' b: annotateRun(run: $r, untag: ["b"]) { tags } }',
            {"r": str(other.run_id)},
        )
        assert (twice["a"]["tags"], twice["b"]["tags"]) == (["b"], [])
    lines = [(c["tag"], c["name"], c["before"], c["after"]) for c in told]
    assert lines[-3:] == [
        (False, "beam_GeV", 22.5, 23),
        (False, "gas", "Ar", None),
        (True, "wire-cal", True, None),
    ]
    assert {c["who"] for c in told} == {"a shifter"}
    assert len(told) == len(read_history(engine, other.run_id)) - 2 == 7
    assert find_run(engine, other.run_id).note == "good"


def test_a_viewer_reads_and_may_not_write(url, tokens, engine, other):
    before = read_annotations(engine, [other.run_id])
    with (
        as_role(url, tokens, "viewer") as viewer,
        pytest.raises(ApiError, match="may not annotate"),
    ):
        viewer.annotate(other.run_id, {"gas": "CO2"})
    assert read_annotations(engine, [other.run_id]) == before
    with as_role(url, tokens, "physicist") as physicist:
        physicist.annotate(other.run_id, {"gas": "CO2"})


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("fields: {nan: 3, in: 1}", "'in' is no name of a field"),
        ("fields: [1]", "fields are an object"),
        ("fields: {a: [1]}", "a value is a number, a text, true or false"),
        ("fields: {a: null}", "a value is a number, a text, true or false"),
        ("fields: {a: 1e999}", "inf is no number"),
        ('tags: ["a b"]', "is no tag"),
        ('unset: ["never"]', "has no field never"),
        ('fields: {a: 1}, unset: ["a"]', "given and taken away"),
    ],
)
def test_what_is_wrong_is_one_line(url, tokens, other, change, problem):
    text = f'mutation {{ annotateRun(run: "{other.run_id}", {change}) {{ name }} }}'
    with as_role(url, tokens, "shifter") as shifter, pytest.raises(ApiError, match=problem):
        shifter.graphql(text)


def test_a_wrong_selection_is_one_line(url, tokens):
    with as_role(url, tokens, "viewer") as viewer:
        with pytest.raises(ApiError, match="no run has a field zebra"):
            viewer.runs("zebra > 3")
        with pytest.raises(ApiError, match="texts go with"):
            viewer.runs("gas > 'a'")


def test_a_run_whose_words_are_posted_gets_them_when_it_is_opened(url, tokens, engine):
    with as_role(url, tokens, "shifter") as shifter:
        told = shifter.graphql(
            'mutation { openRun(detector: "km3net", name: "posted, annotated",'
            ' fields: {gas: "Xe"}, tags: ["x"]) { number fields tags } }'
        )["openRun"]
        with pytest.raises(ApiError, match="is no tag"):
            shifter.graphql(
                'mutation { openRun(detector: "km3net", name: "never", tags: [""]) { name } }'
            )
    assert (told["fields"], told["tags"]) == ({"gas": "Xe"}, ["x"])
    assert find_run(engine).name == "posted, annotated"

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ticks import TOY

from db.catalogue.annotations import (
    MOST,
    Annotations,
    Edit,
    annotate,
    known_names,
    read_annotations,
    read_history,
)
from db.catalogue.runs import close_run, open_run
from db.errors import UsageError

pytestmark = pytest.mark.every_store  # its promises hold on servers, too

NAMES = st.sampled_from(["a", "b_2", "GeV"])
VALUE = (
    st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=("C", "Z")), max_size=20)
)
EDIT = st.tuples(
    st.dictionaries(NAMES, VALUE),
    st.sets(NAMES),
    st.sets(st.sampled_from(["cal", "2026.b"])),
    st.sets(st.sampled_from(["cal", "2026.b"])),
)


@pytest.fixture
def run(engine):
    return open_run(engine, TOY, cell=1)


def said(engine, run):
    return read_annotations(engine, [run.run_id])[run.run_id]


@settings(max_examples=20)
@given(edits=st.lists(EDIT, max_size=5))
def test_what_is_said_of_a_run_is_what_was_said_last_and_all_of_it_is_history(engine, edits):
    run, fields, tags, written = open_run(engine, TOY, cell=1), {}, set(), []
    for number, (values, unset, more, fewer) in enumerate(edits):
        unset, fewer = (unset & {*fields}) - {*values}, (fewer & tags) - more
        before = {**fields}, {*tags}
        fields = {k: v for k, v in (fields | values).items() if k not in unset}
        tags = (tags | more) - fewer
        now = annotate(engine, run.run_id, Edit(values, unset, more, fewer), f"who {number}")
        assert (now.fields, now.tags) == (fields, tuple(sorted(tags)))
        for name in sorted({*before[0], *fields}):
            a, b = before[0].get(name), fields.get(name)
            if (type(a), a) != (type(b), b):
                written.append((f"who {number}", False, name, a, b))
        for tag in sorted(before[1] ^ tags):
            gone = True if tag in before[1] else None
            written.append((f"who {number}", True, tag, gone, None if gone else True))
    there = said(engine, run)
    assert (there.fields, there.tags) == (fields, tuple(sorted(tags)))
    assert {k: type(v) for k, v in there.fields.items()} == {k: type(v) for k, v in fields.items()}
    history = read_history(engine, run.run_id)
    assert [(c.who, c.tag, c.name, c.before, c.after) for c in history] == written
    assert [c.at for c in history] == sorted(c.at for c in history)


def test_people_who_write_at_the_same_moment_lose_nothing(engine, run):
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda k: annotate(engine, run.run_id, Edit({f"f{k}": k}), "x"), range(24)))
    assert said(engine, run).fields == {f"f{k}": k for k in range(24)}


def test_the_readout_closes_a_run_without_touching_what_is_said_of_it(engine, run):
    annotate(engine, run.run_id, Edit({"gas": "Ar"}, tags=["cal"]), "me")
    close_run(engine, run)  # of a revision from before
    assert said(engine, run) == Annotations({"gas": "Ar"}, ("cal",))


def test_several_runs_are_read_at_once(engine):
    runs = [open_run(engine, TOY, cell=1) for _ in range(3)]
    annotate(engine, runs[0].run_id, Edit({"a": 1}), "me")
    annotate(engine, runs[2].run_id, Edit(tags=["cal"]), "me")
    found = read_annotations(engine, [run.run_id for run in runs])
    assert list(found.values()) == [
        Annotations({"a": 1}),
        Annotations(),
        Annotations(tags=("cal",)),
    ]
    assert read_annotations(engine, []) == {}


def test_names_are_known_once_they_were_given_and_after(engine, run):
    annotate(engine, run.run_id, Edit({"once_there": 1}, tags=["once-there"]), "me")
    annotate(engine, run.run_id, Edit(unset=["once_there"]), "me")
    assert known_names(engine, tag=False, among=["once_there", "never"]) == {"once_there"}
    assert "once-there" in known_names(engine, tag=True)


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        ({"fields": {"x": float("nan")}}, "x: nan is no number"),
        ({"fields": {"x": float("-inf")}}, "x: -inf is no number"),
        ({"fields": {"x": 2**53 + 1}}, "beyond 2..53"),
        ({"fields": {"x": "a\x1b[2J"}}, "can be printed"),
        ({"fields": {"x": "a" * 1001}}, "1000 characters"),
        ({"fields": {"x": [1]}}, "a value is a number, a text, true or false"),
        ({"fields": {"x": None}}, "a value is a number, a text, true or false"),
        ({"fields": {"2x": 1}}, "'2x' is no name of a field"),
        ({"fields": {"_x": 1}}, "no name of a field"),
        ({"fields": {"ü": 1}}, "no name of a field"),
        ({"fields": {"in": 1}}, "no name of a field"),
        ({"fields": {"a" * 101: 1}}, "no name of a field"),
        ({"fields": {"tags": 1}}, "no field can be called tags"),
        ({"fields": {"name": "x"}}, "no field can be called name"),
        ({"tags": ["a b"]}, "'a b' is no tag"),
        ({"tags": [""]}, "'' is no tag"),
        ({"fields": {"x": 1}, "unset": ["x"]}, "x is given and taken away"),
        ({"tags": ["x"], "untag": ["x"]}, "x is given and taken away"),
    ],
)
def test_what_no_run_may_have_is_refused(edit, problem):
    with pytest.raises(UsageError, match=problem):
        Edit(**edit)


def test_what_is_not_there_can_not_be_taken_away(engine, run):
    annotate(engine, run.run_id, Edit({"a": 1, "b": 2}), "me")
    with pytest.raises(UsageError, match="has no field c: it has a, b"):
        annotate(engine, run.run_id, Edit({"d": 1}, unset=["c"]), "me")
    with pytest.raises(UsageError, match="has no tag a: it has none"):
        annotate(engine, run.run_id, Edit(untag=["a"]), "me")
    assert said(engine, run).fields == {"a": 1, "b": 2}


def test_a_run_has_so_many_fields_and_no_more(engine, run):
    annotate(engine, run.run_id, Edit({f"f{k}": k for k in range(MOST)}), "me")
    with pytest.raises(UsageError, match="up to 200 fields and tags"):
        annotate(engine, run.run_id, Edit(tags=["cal"]), "me")
    annotate(engine, run.run_id, Edit(tags=["cal"], unset=["f7"]), "me")

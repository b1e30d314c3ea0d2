"""Selections of runs against Python's own evaluation of their text, run by run."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ticks import TOY

from db.catalogue.annotations import Edit, annotate, read_annotations
from db.catalogue.run_pages import RunFilter, count_runs, page_of_runs
from db.catalogue.run_selection import parse_run_selection
from db.catalogue.runs import list_runs, open_run
from db.errors import SelectionError

pytestmark = pytest.mark.every_store  # its promises hold on servers, too

PIECE = "selected among these"
FIELDS = ("x", "y", "gas", "flag")
TAGS = ("cal", "hv-scan", "beam/7")
VALUES = (
    0,
    1,
    -0.0,
    22,
    22.0,
    0.1,
    1e300,
    -7,
    2**53,
    "Ar",
    "CO2",
    "",
    "ü'\\{x}",
    "22",
    True,
    False,
)


@pytest.fixture(scope="module")
def runs(engine):
    """Runs of whose fields and tags some were changed, and some taken away again."""
    dice = random.Random(7)
    for k in range(30):
        run = open_run(engine, TOY, name=f"{PIECE} {k % 7}", cell=1)
        for _ in range(dice.randrange(4)):
            now = read_annotations(engine, [run.run_id])[run.run_id]
            given_now = {name: dice.choice(VALUES) for name in FIELDS if dice.random() < 0.5}
            gone = [name for name in now.fields if name not in given_now and dice.random() < 0.4]
            tags = [tag for tag in TAGS if dice.random() < 0.4]
            untag = [tag for tag in now.tags if tag not in tags and dice.random() < 0.5]
            annotate(engine, run.run_id, Edit(given_now, gone, tags, untag), "dice")
    said = read_annotations(engine, [run.run_id for run in list_runs(engine)])
    return Runs((run, said[run.run_id]) for run in list_runs(engine) if PIECE in run.name)


class Runs(list):
    """With less to print."""

    def __repr__(self):
        return "\n".join(f"{run.run_id} {said}" for run, said in self)


class Field:
    """What a field is in Python: as a number NaN unless it is one, as a text equal to it alone."""

    def __init__(self, value=None):
        self.value = value

    def number(self):
        is_number = isinstance(self.value, int | float) and not isinstance(self.value, bool)
        return float(self.value) if is_number else float("nan")

    def __bool__(self):
        return self.value is True

    def __eq__(self, other):
        if isinstance(other, str):
            return self.value == other
        if isinstance(other, bool):
            return bool(self) == other
        return self.number() == (other.number() if isinstance(other, Field) else other)

    def __ne__(self, other):
        return not self == other

    __hash__ = None

    def __lt__(self, other):
        return self.number() < (other.number() if isinstance(other, Field) else other)

    def __le__(self, other):
        return self.number() <= (other.number() if isinstance(other, Field) else other)

    def __gt__(self, other):
        return self.number() > (other.number() if isinstance(other, Field) else other)

    def __ge__(self, other):
        return self.number() >= (other.number() if isinstance(other, Field) else other)

    def __add__(self, other):
        return Field(self.number() + other.number())

    def __mul__(self, other):
        return Field(self.number() * other)


def expected(text, runs):
    found = []
    for run, said in runs:
        own = {"run": run.run_id, "name": run.name, "state": run.state, "note": run.note}
        named = {name: Field(said.fields.get(name)) for name in FIELDS}
        more = {"tags": said.tags, "fields": said.fields, "detector": "ticks"}
        if eval(text, {"__builtins__": {}}, own | named | more):
            found.append(run.run_id)
    return found


NUMBER = st.sampled_from(["x", "y", "(x + y)", "(y * 2)"])
OPERATOR = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
LITERAL = st.sampled_from(["0", "22", "0.1", "-7", "1e300", "9007199254740992", "1.5"])
TEXT = st.sampled_from([repr(v) for v in VALUES if isinstance(v, str)] + ['"none"'])
ATOM = (
    st.tuples(NUMBER, OPERATOR, LITERAL | NUMBER).map(" ".join)
    | st.tuples(LITERAL, OPERATOR, NUMBER).map(" ".join)
    | st.tuples(st.just("gas"), st.sampled_from(["==", "!="]), TEXT).map("".join)
    | st.tuples(TEXT, st.sampled_from(["==", "!="]), st.just("gas")).map("".join)
    | st.tuples(TEXT, TEXT).map(lambda two: f"gas in({two[0]}, {two[1]})")
    | st.just("gas not in ['Ar']")
    | st.sampled_from(["flag", "flag == True", "False != flag"])
    | st.tuples(st.sampled_from([*TAGS, "never"]), st.sampled_from(["in", "not in"])).map(
        lambda two: f"'{two[0]}'{two[1]} tags"
    )
    | st.sampled_from([*FIELDS, "zebra"]).map(lambda name: f"'{name}' in fields")
    | st.integers(0, 7).map(lambda k: f"name == '{PIECE} {k}'")
    | st.sampled_from(["state == 'open'", "detector != 'ticks'", "run % 3 == 1", "note in ('',)"])
)
WHERE = st.recursive(
    ATOM,
    lambda part: st.lists(part, min_size=2, max_size=3).map(lambda p: f"({' and '.join(p)})")
    | st.lists(part, min_size=2, max_size=3).map(lambda p: f"({' or '.join(p)})")
    | part.map(lambda p: f"(not {p})")
    | st.tuples(part, part, part).map(lambda p: f"({p[0]} if {p[1]} else {p[2]})"),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=150)
@given(where=WHERE)
def test_a_selection_finds_the_runs_for_which_python_says_so(engine, runs, where):
    which = RunFilter(name_contains=PIECE, where=where)
    page = page_of_runs(engine, which, "number", descending=False, limit=1000)
    assert [run.run_id for run in page] == expected(where, runs)
    assert count_runs(engine, which) == len(page)


@pytest.mark.parametrize("order", ["number", "name", "started"])
@pytest.mark.parametrize("descending", [True, False])
def test_pages_of_a_selection_put_together_are_the_whole(
    engine, runs, order, descending, monkeypatch
):
    from db.catalogue import run_pages

    monkeypatch.setattr(run_pages, "_STRETCH", 3)  # many steps
    where = "x != 22 or 'cal' in tags"
    seen, after = [], None
    while True:
        page = page_of_runs(
            engine,
            RunFilter(name_contains=PIECE, where=where),
            order,
            descending=descending,
            limit=4,
            after=after,
        )
        seen += [run.run_id for run in page]
        if len(page) < 4:
            break
        after = run_pages.key_of_run(page[-1], order)
    key = {
        "number": lambda run: run.run_id,
        "name": lambda run: (run.name, run.run_id),
        "started": lambda run: (run.started_at, run.run_id),
    }[order]
    wanted = set(expected(where, runs))
    right = sorted((run for run, _ in runs if run.run_id in wanted), key=key, reverse=descending)
    assert seen == [run.run_id for run in right]


@pytest.mark.parametrize(
    ("where", "problem", "marked"),
    [
        ("x > 3 and zebra < 2", "no run has a field zebra", "zebra"),
        ("gass == 'Ar'", "no run has a field gass: did you mean gas?", "gass == 'Ar'"),
        ("x = 3", "write == to compare", "="),
        ("gas > 'Ar'", "texts go with ==, != and in", "gas > 'Ar'"),
        ("'ü' in tags and x > 'a'", "texts go with", "x > 'a'"),
        ("'cal' in name", "texts go with", "'cal' in name"),
        ("'a' < gas < 'b'", "texts go with", "'a' < gas < 'b'"),
        ("tags == 3", "write 'a name' in tags", "tags"),
        ("name == 3", "name is a text", "name"),
        ("run == x", "can't be put together", None),
        ("x + 1", "a float where a yes or no is needed", "x + 1"),
        ("x and x > 3", "a yes or no can't be compared", "x > 3"),
        ("len(x) > 3", "there is no function len", "len(x)"),
        ("f'{x}' == gas", None, None),
        ("(", "not an expression", None),
        ("gas == 'ü' and x ~ 3", "not an expression", None),
        ("gas = 'a=b'", "write == to compare", "="),
        ("'" + "a" * 3000 + "' in tags", "2000 characters", None),
        (" or ".join(["gas==''"] * 100), "more than 99 texts", None),
        ("(" * 300 + "x" + ")" * 300, None, None),
    ],
)
def test_what_is_wrong_is_told_with_its_place(engine, runs, where, problem, marked):
    with pytest.raises(SelectionError) as fault:
        page_of_runs(engine, RunFilter(where=where), "number", descending=True, limit=9)
    assert problem is None or problem in str(fault.value)
    if marked:
        assert fault.value.text[fault.value.start : fault.value.stop] == marked
    if len(where) < 100:
        assert fault.value.text == where


def test_a_tag_that_nobody_gave_is_no_mistake(engine, runs):
    which = RunFilter(name_contains=PIECE, where="'nobody-gave-it' not in tags")
    assert count_runs(engine, which) == len(runs)


@given(pad=st.integers(0, 3), gap=st.sampled_from([" ", "  ", "\t", "\n"]))
def test_places_stay_right_whatever_stands_before_them(pad, gap):
    where = " " * pad + f"gas=='ü'and{gap}(x in 3)"
    with pytest.raises(SelectionError) as fault:
        parse_run_selection(where)
    assert fault.value.text[fault.value.start : fault.value.stop] == "x in 3"

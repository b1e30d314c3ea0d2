"""The catalogue: pages, order, filter, and how many statements a page costs."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statements import counted

from db.catalogue.run_pages import RunFilter, count_runs, key_of_run, page_of_runs
from db.catalogue.runs import close_run, list_runs, open_run
from db.detector import load
from db.words.gaps import Gap, book_gaps, live_ticks
from everyhit import ApiError

pytestmark = pytest.mark.every_store  # its promises hold on servers, too


PAGE = """query($n: Int!, $after: String, $by: RunOrder!, $down: Boolean!, $w: RunsWanted) {
  runs(first: $n, after: $after, order: $by, descending: $down, wanted: $w) {
    totalCount pageInfo { hasNextPage endCursor } edges { cursor node { number name } } } }"""


@pytest.fixture(scope="module")
def catalogue(engine, run):
    """Runs with names that sort differently from their numbers, some of them equal."""
    names = ["b", "a", "c", "b", "z'z", 'q"q', "back\\slash", "ünder", "{run:UInt32}", "b"]
    made = [open_run(engine, load("km3net"), name=name, cell=10**8) for name in names]
    for each in made[::2]:
        close_run(engine, each)
    return list_runs(engine)


@pytest.mark.parametrize("by", ["NUMBER", "NAME", "STARTED"])
@pytest.mark.parametrize("down", [True, False])
@pytest.mark.parametrize("n", [1, 3, 1000])
def test_pages_put_together_are_the_whole_list(client, catalogue, by, down, n):
    # Of all runs in large pages; in small ones of the runs with names like each other.
    wanted = {"detector": "km3net"} if n < 1000 else None
    listed = [r for r in catalogue if wanted is None or r.detector.name == "km3net"]
    assert len(listed) >= 10
    key = {
        "NUMBER": lambda r: r.run_id,
        "NAME": lambda r: (r.name.encode(), r.run_id),
        "STARTED": lambda r: (r.started_at, r.run_id),
    }[by]
    expected = [r.run_id for r in sorted(listed, key=key, reverse=down)]
    seen, after = [], None
    while True:
        asked = {"n": n, "after": after, "by": by, "down": down, "w": wanted}
        page = client.graphql(PAGE, asked)["runs"]
        assert page["totalCount"] == len(expected)
        assert len(page["edges"]) <= n
        seen += [edge["node"]["number"] for edge in page["edges"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
        assert after == page["edges"][-1]["cursor"]
    assert seen == expected


@given(
    state=st.none() | st.sampled_from(["open", "closed"]),
    piece=st.none() | st.sampled_from(["b", "B", "'", "\\", "Ü", "{run", "%", "_", ""]),
    detector=st.none() | st.sampled_from(["km3net", "drift_tubes_v2", "x' OR 1=1 --"]),
    text=st.none() | st.sampled_from(["KM3", "drift", "ünd", "\n", "q", ""]),
)
@settings(max_examples=40)
def test_a_filter_keeps_what_it_says(engine, catalogue, state, piece, detector, text):
    which = RunFilter(state=state, name_contains=piece, detector=detector, text=text)
    expected = [
        r.run_id
        for r in catalogue
        if (state is None or r.state == state)
        and (piece is None or piece.lower() in r.name.lower())
        and (detector is None or r.detector.name == detector)
        and (text is None or text.lower() in f"{r.name}\n{r.note}\n{r.detector.name}".lower())
    ]
    found = page_of_runs(engine, which, "number", descending=False, limit=1000)
    assert [r.run_id for r in found] == expected
    assert count_runs(engine, which) == len(expected)


def test_a_key_of_a_run_is_a_place_even_when_the_run_is_gone(engine, catalogue):
    middle = catalogue[len(catalogue) // 2]
    key = key_of_run(middle, "started")
    behind = page_of_runs(
        engine, RunFilter(), "started", descending=False, limit=1000, after=(key[0], key[1])
    )
    assert middle.run_id not in [r.run_id for r in behind]
    assert all((r.started_at, r.run_id) > (middle.started_at, middle.run_id) for r in behind)


def test_a_page_of_runs_costs_the_same_statements_whatever_its_length(client, app_state, catalogue):
    ask = """query($n: Int!) { runs(first: $n) { edges { node {
        words first last links { link words watermark } results { trigger rows behindS } } } } }"""
    client.graphql(ask, {"n": 1})  # the token is known from here on
    spent = []
    for n in (2, len(catalogue)):
        with counted(app_state) as said:
            got = client.graphql(ask, {"n": n})
        assert len(got["runs"]["edges"]) == n
        spent.append(len(said))
    assert spent[0] == spent[1] <= 4


def test_details_are_what_the_store_says(client, engine, run):
    book_gaps(engine, [Gap(run.run_id, 1, "dead link", 10_000_000, 40_000_000, n_lost=7)])
    got = client.graphql(
        """query($r: String!) { run(which: $r) { number state tickNs cell settings
        detector { name shape { positionMm } } liveTime(start: "0", stop: "50 ms")
        gaps { edges { node { link cause start stop nLost } } } links { link first last } } }""",
        {"r": str(run.run_id)},
    )["run"]
    tick = float(run.detector.tick)
    live = live_ticks(engine, run.run_id, 0, 60_000_000) * tick * 1e-9
    assert got["liveTime"] == pytest.approx(live)
    assert got["liveTime"] == pytest.approx(0.025)
    assert {
        "link": 1,
        "cause": "dead link",
        "start": "10000000",
        "stop": "40000000",
        "nLost": "7",
    } in [edge["node"] for edge in got["gaps"]["edges"]]
    assert got["settings"]["events"] == ["tracks", "coincidence"]
    assert got["state"] == "CLOSED"
    assert got["cell"] == str(run.cell)


def test_a_note_stays_as_it_was_written(client, run):
    for note in ('it\'s \\ fine\n\t{x:String} "q" -- ; DROP TABLE runs', "ünï ☃", ""):
        told = client.graphql(
            "mutation($r: String!, $n: String!) { annotateRun(run: $r, note: $n) { note } }",
            {"r": str(run.run_id), "n": note},
        )
        assert told["annotateRun"]["note"] == note
        assert client.graphql(
            "query($r: String!) { run(which: $r) { note } }", {"r": str(run.run_id)}
        )["run"]["note"] == note  # fmt: skip


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ('{ run(which: "no such") { name } }', "there is no run no such"),
        ("{ runs(first: 0) { totalCount } }", "1 to 1000"),
        ("{ runs(first: 1001) { totalCount } }", "1 to 1000"),
        ('{ runs(after: "%%%") { totalCount } }', "no cursor"),
        ('{ runs(after: "WzEsIDJd", order: NAME) { totalCount } }', "no cursor"),
        ('{ run { liveTime(start: "2 s", stop: "1 s") } }', "empty"),
        ('{ run { liveTime(start: "soon") } }', "write ticks"),
    ],
)
def test_mistakes_are_one_line_with_a_code(client, catalogue, query, said):
    with pytest.raises(ApiError, match=said) as told:
        client.graphql(query)
    assert told.value.code == "usage"


def test_a_run_without_hits_has_no_live_time(client, engine):
    number = open_run(engine, load("km3net"), name="nothing yet", cell=10**8).run_id
    told = client.graphql(f'{{ run(which: "{number}") {{ liveTime words first }} }}')["run"]
    assert told == {"liveTime": 0, "words": "0", "first": None}

"""Two lineages beside each other, against sets of Python."""

import pytest

from db.results.rows import list_lineages, read_committed
from everyhit import ApiError
from software_triggers.registry import triggers_of_run
from software_triggers.running.threads import run_stages

FAR = 2**40
ASK = """query($r: String!, $a: String!, $b: String!, $t: String!) { run(which: $r) {
  comparison(trigger: $t, one: $a, other: $b, first: 5) { rowsOne rowsOther same changed onlyOne
  onlyOther firstChanged firstOnlyOne firstOnlyOther partial } } }"""


@pytest.fixture(scope="module")
def lineages(engine, changing_run):
    """The segments as they were, and once more with fewer of them."""
    run = changing_run
    (before,) = list_lineages(engine, run.run_id, "segments")
    wanted = {"segments": {"max_chi2": 0.1}}
    (stage,) = run_stages(engine, run, triggers_of_run(engine, run), wanted)
    return before, stage.lineage


def by_time(engine, run, lineage):
    found = {}
    for row in read_committed(engine, lineage, run.cell, -FAR, FAR).iter_rows(named=True):
        found.setdefault(row["t"], []).append(repr(row))
    return {t: sorted(rows) for t, rows in found.items()}


@pytest.mark.parametrize("turned", [False, True])
def test_lineages_are_compared_by_the_times_of_their_rows(
    client, engine, changing_run, lineages, turned
):
    one, other = lineages[::-1] if turned else lineages
    given = {"r": str(changing_run.run_id), "t": "segments", "a": one.lineage, "b": other.lineage}
    got = client.graphql(ASK, given)["run"]["comparison"]
    left, right = (by_time(engine, changing_run, each) for each in (one, other))
    assert int(got["rowsOne"]) == sum(map(len, left.values())) > 0
    assert int(got["rowsOther"]) == sum(map(len, right.values())) > 0
    both = left.keys() & right.keys()
    assert int(got["same"]) == sum(left[t] == right[t] for t in both) > 0
    assert int(got["changed"]) == sum(left[t] != right[t] for t in both)
    for name, times in (("One", left.keys() - right.keys()), ("Other", right.keys() - left.keys())):
        assert int(got[f"only{name}"]) == len(times)
        assert [int(t) for t in got[f"firstOnly{name}"]] == sorted(times)[:5]
    assert int(got["onlyOther" if turned else "onlyOne"]) > 0
    assert got["partial"] == ""


def test_a_lineage_is_its_own_like(client, changing_run, lineages):
    one = lineages[0].lineage
    given = {"r": str(changing_run.run_id), "t": "segments", "a": one, "b": one}
    got = client.graphql(ASK, given)["run"]["comparison"]
    assert (got["changed"], got["onlyOne"], got["onlyOther"]) == ("0", "0", "0")


def test_a_lineage_that_is_not_there_is_one_line(client, changing_run, lineages):
    given = {"r": str(changing_run.run_id), "t": "segments", "a": "x'", "b": lineages[0].lineage}
    with pytest.raises(ApiError, match="no lineage x'"):
        client.graphql(ASK, given)


def test_a_timeline_has_each_lineage_s_windows(client, engine, changing_run, lineages):
    run = changing_run
    got = client.graphql(
        f"""{{ run(which: "{run.run_id}") {{ results {{ lineage cells }}
        coverage(bins: 3, start: "-1 s", stop: "2 s") {{ width lineages {{ lineage windows }} }}
        }} }}"""
    )["run"]
    cells = {each["lineage"]: int(each["cells"]) for each in got["results"]}
    found = {each["lineage"]: each["windows"] for each in got["coverage"]["lineages"]}
    assert lineages[1].lineage in found
    assert {lineage: sum(windows) for lineage, windows in found.items()} == cells
    assert all(len(windows) <= 3 for windows in found.values())
    assert int(got["coverage"]["width"]) % run.cell == 0

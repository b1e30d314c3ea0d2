"""What an editor of selections is told while somebody types."""

import pytest

CHECK = """query($r: String!, $of: String!, $w: String!) { run(which: $r) {
    selection(of: $of, where: $w) { problem start stop columns }
    detector { selection(where: $w) { problem start stop columns } } } }"""


def checked(client, run, where, of="hits"):
    given = {"r": str(run.run_id), "of": of, "w": where}
    return client.graphql(CHECK, given)["run"]


@pytest.mark.parametrize("where", ["", "  ", "chamber == 1", "t > 5 and layer in (1, 2)"])
def test_a_selection_that_is_right_has_no_problem(client, run, where):
    told = checked(client, run, where)
    assert told["selection"] == told["detector"]["selection"]
    assert told["selection"]["problem"] == ""
    assert {"t", "link", "chamber", "layer", "wire"} <= set(told["selection"]["columns"])


@pytest.mark.parametrize(
    ("where", "at", "said"),
    [
        ("layer == 1 and chambr == 1", "chambr", "did you mean chamber"),
        ("layer = 1", "=", "write =="),
        ("layer == <b>1</b>", "<", ""),
    ],
)
def test_the_place_of_a_mistake_is_told(client, run, where, at, said):
    told = checked(client, run, where)["selection"]
    assert where[told["start"] : told["stop"]].startswith(at)
    assert said in told["problem"]
    assert "\n" not in told["problem"]


def test_rows_of_a_trigger_have_columns_of_their_own(client, run):
    assert checked(client, run, "abs(slope) < 0.1", "segments")["selection"]["problem"] == ""
    told = checked(client, run, "wire == 1", "segments")["selection"]
    assert (told["start"], told["stop"]) == (0, 4)
    assert "slope" in told["columns"]
    assert "hit_t" not in told["columns"]  # a list: nothing can be said of it

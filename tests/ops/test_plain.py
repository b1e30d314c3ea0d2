"""What people wrote is printed as they wrote it: never markup, never obeyed by a terminal."""

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stdout
from datetime import UTC, datetime

import pytest
from command import everyhit
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from rich.console import Console
from rich.screen import Screen

from db.catalogue.runs import Run
from db.detector import load
from ops.cli.show import show
from ops.plain import visible
from ops.plot import title
from ops.terminal import Status, draw, live_view

TELESCOPE = load("drift_tubes_v2").source
names = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["beam [/7]", "[bold]", "\\[x]", "[link=x]y[/link]", "\x1b[31mred", ":smile:"]),
)


def printed(rows, title="", width=200):
    os.environ["COLUMNS"] = str(width)
    try:
        with redirect_stdout(io.StringIO()) as out:
            show(rows, as_json=False, title=title)
    finally:
        del os.environ["COLUMNS"]
    return out.getvalue()


@given(names, names)
def test_a_text_is_printed_as_it_is(name, title):
    out = printed([{"run": 1, "name": name}], title)
    assert visible(name, keep="").strip() in out
    assert visible(title, keep="").strip() in out
    assert all(c.isprintable() or c == "\n" for c in out)


@given(names, names, names)
def test_the_live_view_shows_texts_as_they_are(title, trouble, trigger):
    status = Status(title, 1.0, 2, 3.0, trouble=trouble, stages=[{"trigger": trigger, "rows": 1}])
    console = Console(file=io.StringIO(), width=300, color_system=None)
    console.print(draw(status))
    assert visible(trigger, keep="").strip() in console.file.getvalue()


@given(
    st.lists(st.tuples(*[st.integers(-(2**63), 2**64)] * 5, names), min_size=1, max_size=4),
    st.sampled_from([40, 80, 120]),
)
def test_numbers_are_never_cut(rows, width):
    out = printed([dict(zip("abcdef", row, strict=True)) for row in rows], width=width)
    for row in rows:
        assert all(str(n) in out for n in row[:5])
    assert max(map(len, out.splitlines())) <= width or width == 40


def test_text_is_folded_beside_whole_numbers():
    words = " ".join(f"word{n}" for n in range(40))
    out = printed([{"run": 123456789, "note": words, "words": 987654321}], width=60)
    assert "…" not in out
    assert all(f"word{n}" in out for n in range(40))
    assert "123456789" in out


def test_trouble_is_seen_on_a_small_screen():
    links = [{"link": n, "words": 10**9, "watermark_s": 1.5, "behind_s": 0.1} for n in range(30)]
    console = Console(file=io.StringIO(), width=60, height=16, color_system=None)
    status = Status("run 1 beam", 10.0, 10**9, 10**6, links=links, trouble="the disk is full")
    console.print(Screen(draw(status)))
    lines = console.file.getvalue().splitlines()
    assert len(lines) <= 16
    assert any("the disk is full" in line for line in lines)
    assert any("1,000,000,000 words" in line for line in lines)


def test_the_live_view_has_a_screen_of_its_own():
    file = io.StringIO()
    console = Console(file=file, width=60, height=16, force_terminal=True)
    with live_view(console) as view:
        view(Status("run 1", 1.0, 2, 3.0))
        console.size = (30, 10)
        view(Status("run 1", 2.0, 2, 3.0))
    out = file.getvalue()
    assert out.startswith("\x1b[?1049h")
    assert "\x1b[?1049l" in out


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_json_has_no_numbers_that_no_parser_takes(value, capsys):
    show([{"a": value, "b": {"c": (1, value)}}], as_json=True)

    def refuse(text):
        raise AssertionError(text)

    (row,) = json.loads(capsys.readouterr().out, parse_constant=refuse)
    assert row == {"a": str(value), "b": {"c": [1, str(value)]}}


def test_a_dollar_in_a_name_begins_no_formula():
    figure = Figure()
    figure.suptitle(title(Run(1, r"$\frac$ [/7]", "open", TELESCOPE, datetime.now(UTC), 1)))
    figure.savefig(io.BytesIO(), format="svg")


def test_names_reach_no_terminal_raw(tmp_path):
    """Those of files are made printable, those that are given are refused, old ones are shown."""
    odd = tmp_path / "\x1b[31mrows\n.txt"
    odd.write_text(
        "HEAD,FPGA,TDC_CHANNEL,ORBIT_CNT,BX_COUNTER,TDC_MEAS\n2,0,75,3387200947,2922,2\n"
    )
    at = ("--detector", "drift_tubes_v2", "--store", tmp_path / "store")
    everyhit("ingest", odd, *at)
    said = everyhit("ingest", odd, *at, "--run", "a\x1b[2Jb", code=1)
    assert len(said.splitlines()) == 1
    assert "is no name of a run" in said
    older = (
        "import sys; from db.store import open_store; from db.catalogue.runs import *\n"
        "with open_store(sys.argv[1]) as at:\n"
        "    amend_run(at.engine, find_run(at.engine), name='old\\x1b]0;title\\x07\\none')"
    )
    subprocess.run([sys.executable, "-c", older, tmp_path / "store"], check=True)
    for text in (
        said,
        everyhit("run", "list", "--store", tmp_path / "store"),
        everyhit("run", "show", "1", "--store", tmp_path / "store"),
        everyhit("run", "show", "no\x1bsuch", "--store", tmp_path / "store", code=1),
        everyhit("query", "SELECT char(27, 7) AS x FROM hits", "--store", tmp_path / "store"),
    ):
        assert all(line.isprintable() for line in text.splitlines()), text
    assert "\\x1b]0;title" in everyhit(
        "run", "list", "--store", tmp_path / "store", env={**os.environ, "COLUMNS": "250"}
    )

import io
import time

from rich.console import Console
from rich.progress import TextColumn

from ops.cli.waiting import progress_bars, shown_while_asked


def shown(engine, seconds, *, terminal):
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=80)
    with shown_while_asked(engine, console):
        engine.fetch(
            f"SELECT sum(sleepEachRow(0.02)) FROM numbers({round(seconds * 50)})"
            " SETTINGS max_block_size = 5"
        )
    return out.getvalue()


def test_long_work_is_shown_to_a_terminal_alone(engine):
    assert "rows read" in shown(engine, 2.8, terminal=True)
    assert shown(engine, 0.1, terminal=True) == ""
    assert shown(engine, 1.5, terminal=False) == ""


def test_it_ends_with_what_it_waits_for(engine):
    began = time.monotonic()
    shown(engine, 0.1, terminal=True)
    assert time.monotonic() - began < 1


def test_bars_are_nothing_where_there_is_no_terminal(capfd):
    with progress_bars(TextColumn("counting")) as bars:
        bars.add_task("", total=1)
    assert tuple(capfd.readouterr()) == ("", "")

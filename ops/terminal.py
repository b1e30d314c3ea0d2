"""The live view of data taking in a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ops.plain import plain, visible

OTHERS = "other words"
"""As what words that are no hits stand among the groups of channels."""


@dataclass(frozen=True)
class Status:
    """What a shifter wants to see, at one moment."""

    title: str
    seconds: float
    words: int
    words_per_s: float
    groups: dict[str, float] = field(default_factory=dict)
    """Hits a second, by group of channels, and ``OTHERS``: other words a second."""
    links: list[dict[str, Any]] = field(default_factory=list)
    """link, words, watermark_s, behind_s."""
    stages: list[dict[str, Any]] = field(default_factory=list)
    """trigger, rows, rows_per_s, behind_s, failed."""
    backlog: int = 0
    quality: dict[str, str] = field(default_factory=dict)
    trouble: str = ""


@contextmanager
def live_view(console: Console | None = None) -> Iterator[Callable[[Status], None]]:
    """Yield what draws a status on a screen of its own; what was on the terminal comes back."""
    with Live(console=console, auto_refresh=False, screen=True) as view:
        yield lambda status: view.update(draw(status), refresh=True)


def draw(status: Status) -> RenderableType:
    """Return the view for rich. Trouble stands on top, where the smallest screen shows it."""
    top = Text.assemble(
        (f"{visible(status.title, keep='')}  ", "bold"),
        f"{status.seconds:.1f} s   {status.words:,} words   {status.words_per_s:,.0f} words/s   ",
        f"backlog {status.backlog} windows",
    )
    trouble = [Text(visible(status.trouble), style="bold red")] if status.trouble else []
    quality = plain("   ".join(f"{name} {value}" for name, value in status.quality.items()))
    parts: list[RenderableType] = [
        top,
        *trouble,
        _bars(status.groups),
        _table(status.links, "links"),
        _table(status.stages, "triggers"),
        quality,
    ]
    return Panel(Group(*parts), subtitle="Ctrl-C ends the run", border_style="dim")


def _bars(rates: dict[str, float]) -> Table:
    table = Table.grid(padding=(0, 1))
    most = max(rates.values(), default=1.0) or 1.0
    for name, rate in rates.items():
        bar = "█" * round(40 * rate / most)
        unit = "words/s" if name == OTHERS else "hits/s"
        table.add_row(plain(name), f"{rate:>12,.0f} {unit}", Text(bar, style="cyan"))
    return table


def _table(rows: list[dict[str, Any]], title: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    for name in rows[0] if rows else ():
        table.add_column(plain(name), justify="left" if name == "trigger" else "right")
    for row in rows:
        table.add_row(*(plain(_number(value)) for value in row.values()))
    return table


def _number(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.2f}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)

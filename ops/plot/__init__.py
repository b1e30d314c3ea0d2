"""Pictures of a run: functions from frames to Matplotlib figures. They need the extra ``plot``."""

from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path

from db.catalogue.runs import Run
from db.errors import UsageError
from ops.plain import visible

try:
    import matplotlib as mpl
    import mplhep
    from matplotlib.figure import Figure
except ImportError:
    raise UsageError("plotting needs the extra: pip install 'everyhit[plot]'") from None

KINDS = (".png", ".pdf", ".svg")
GREY = "#9c9ca1"

_STYLE = {
    **mplhep.style.ROOT,
    "font.size": 13,
    "axes.linewidth": 1.0,
    "axes.titlesize": 13,
    "legend.fontsize": 12,
    "lines.linewidth": 1.5,
    "xtick.major.size": 6,
    "xtick.minor.size": 3,
    "ytick.major.size": 6,
    "ytick.minor.size": 3,
    "figure.constrained_layout.use": True,
    "savefig.dpi": 150,
    "svg.fonttype": "none",
    "date.autoformatter.microsecond": "%H:%M:%S.%f",
    "date.autoformatter.minute": "%H:%M",
    "date.autoformatter.hour": "%H:%M",
}


def styled() -> AbstractContextManager[None]:
    """The style of all pictures, for as long as the context lasts."""
    return mpl.rc_context(_STYLE)


def checked(out: Path) -> Path:
    """Return the path of a picture; UsageError if its suffix names no kind of picture."""
    if out.suffix.lower() not in KINDS:
        raise UsageError(
            f"can't draw {out}: its suffix names the kind of picture, {', '.join(KINDS)}"
        )
    return out


def save(figure: Figure, out: Path, said: str = "") -> None:
    """Write a picture as its file's suffix says; UsageError where it can't be written.

    What is ``said`` of what it shows stands above it.
    """
    if said:
        figure.suptitle(f"{figure.get_suptitle()}\n{said}".strip(), fontsize="small", wrap=True)
    with styled():
        try:
            figure.savefig(checked(out))
        except OSError as fault:
            raise UsageError(f"can't write {out}: {fault.strerror}") from None


def title(run: Run) -> str:
    """Return how pictures call a run; a dollar in its name begins no formula."""
    named = visible(run.name, keep="").replace("$", r"\$")
    name = "" if run.name == f"run {run.run_id}" else f" ({named})"
    return f"run {run.run_id}{name} · {run.detector.name}"


def utc(run: Run, t: int) -> datetime:
    """Return the date in UTC at t ticks since a run's start."""
    return run.started_at + timedelta(microseconds=float(t * run.detector.tick) / 1000)

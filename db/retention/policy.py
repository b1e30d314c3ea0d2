"""Policies and pins: what people want to be kept."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from db.catalogue.record import enter, last_revision
from db.catalogue.runs import Run
from db.engine import Engine
from db.errors import UsageError

DEFAULT = "default"
EVER = 2**62
"""[-EVER, EVER) are all ticks that a run can have."""


@dataclass(frozen=True)
class Pin:
    """Times [a, b) of a run, in ticks, whose raw words are kept whatever the policies say."""

    run_id: int
    a: int
    b: int
    note: str = ""


def set_policy(
    engine: Engine, run_type: str, raw_days: int | None, then_archive: str | None = None
) -> None:
    """Keep raw words of runs of a type for so many days; None: for ever.

    Then they move to the home ``then_archive``, by its address without a password, and are dropped
    where that is empty; None: as the policy has it.
    """
    if then_archive is None:
        then_archive = list_archives(engine).get(run_type, "")
    row = {"run_type": run_type, "raw_days": raw_days, "then_archive": then_archive}
    newer(engine, "retention_policies", row)


def list_archives(engine: Engine) -> dict[str, str]:
    """Return the home to which words move that a policy lets go, by type of run."""
    return policies_and_archives(engine)[1]


def list_policies(engine: Engine) -> dict[str, int | None]:
    """Return the days for which raw words are kept, by type of run; None: for ever."""
    return policies_and_archives(engine)[0]


def policies_and_archives(engine: Engine) -> tuple[dict[str, int | None], dict[str, str]]:
    """Return both, in one question."""
    rows = engine.fetch(
        "SELECT run_type, raw_days, then_archive FROM retention_policies FINAL ORDER BY run_type"
    ).to_pylist()
    days = {row["run_type"]: row["raw_days"] for row in rows}
    return days, {row["run_type"]: row["then_archive"] for row in rows if row["then_archive"]}


def days_of(run: Run, policies: Mapping[str, int | None]) -> int | None:
    """Return for how many days a run's raw words are kept; None: for ever.

    Without a policy words are kept for ever.
    """
    return policies.get(policy_of(run, policies))


def policy_of(run: Run, policies: Collection[str]) -> str:
    """Return the type of run whose policy decides.

    The run's setting ``type`` decides, else the longest pattern that its name fits, else
    ``default``.
    """
    kind = run.settings.get("type")
    if kind in policies:
        return str(kind)
    fitting = [pattern for pattern in policies if fnmatchcase(run.name, pattern)]
    return max(fitting, key=len, default=DEFAULT)


def pin(engine: Engine, wanted: Pin, *, pinned: bool = True) -> None:
    """Pin a range; with ``pinned`` false, let it go."""
    newer(engine, "retention_pins", {**vars(wanted), "pinned": pinned})


def unpin(engine: Engine, run_id: int, a: int, b: int) -> Pin:
    """Let go what was pinned with the same limits, and return it; UsageError where nothing was."""
    pins = [each for each in list_pins(engine) if each.run_id == run_id]
    for each in pins:
        if (each.a, each.b) == (a, b):
            pin(engine, each, pinned=False)
            return each
    there = ", ".join(f"[{each.a}, {each.b})" for each in pins) or "none"
    raise UsageError(f"[{a}, {b}) of run {run_id} is not pinned; pinned are, in ticks: {there}")


def list_pins(engine: Engine) -> list[Pin]:
    """Return the ranges that are pinned."""
    rows = engine.fetch(
        "SELECT run_id, a, b, note FROM retention_pins FINAL WHERE pinned ORDER BY run_id, a, b"
    )
    return [Pin(**row) for row in rows.to_pylist()]


def newer(engine: Engine, table: str, row: Mapping[str, object]) -> None:
    """Insert a row that replaces the one of the same key, if there is one."""
    enter(engine, table, {**row, "revision": last_revision(engine, table) + 1})

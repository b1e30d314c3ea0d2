"""Rules that stand: of which runs which results are kept where as documents."""

from collections.abc import Sequence
from dataclasses import dataclass

from db.catalogue.runs import Run
from db.engine import Engine
from db.errors import UsageError
from db.retention.policy import newer, policy_of
from db.words.homes.naming import noted_homes


@dataclass(frozen=True)
class PublicationRule:
    """Results of runs of a type that are kept in a database."""

    run_type: str
    """A run's setting ``type``, a pattern of names, or default, as in policies of retention."""
    home: str
    """Address of the database, without a password."""
    events: bool = False
    """Events, and the candidates that they were made of."""
    triggers: tuple[str, ...] = ()
    """Names of others."""


def set_rule(engine: Engine, rule: PublicationRule, *, holds: bool = True) -> None:
    """Enter a rule in the place of the one for the same runs and database, or take it back."""
    row = {"run_type": rule.run_type, "home": rule.home, "events": rule.events, "holds": holds}
    newer(engine, "publication_rules", row | {"triggers": ",".join(rule.triggers)})


def list_rules(engine: Engine) -> list[PublicationRule]:
    """Return the rules that hold."""
    rows = engine.fetch(
        "SELECT run_type, home, events, triggers FROM publication_rules FINAL WHERE holds"
        " ORDER BY run_type, home"
    )
    return [
        PublicationRule(**{**row, "triggers": tuple(filter(None, row["triggers"].split(",")))})
        for row in rows.to_pylist()
    ]


def find_rule(engine: Engine, run_type: str, home: str | None = None) -> PublicationRule:
    """Return the rule for runs of a type; UsageError that names those there are."""
    rules = list_rules(engine)
    for rule in rules:
        if rule.run_type == run_type and home in (None, rule.home):
            return rule
    there = ", ".join(f"{rule.run_type} to {rule.home}" for rule in rules) or "none yet"
    raise UsageError(f"there is no such rule for {run_type[:80]}; there are: {there}")


def homes_of_runs(engine: Engine) -> list[str]:
    """Return the databases in which runs are kept as documents.

    These are homes of words, and those to which results go.
    """
    words = (home for home in noted_homes(engine) if home.startswith("mongodb"))
    return sorted({*words, *(rule.home for rule in list_rules(engine))})


def is_for(rule: PublicationRule, run: Run, rules: Sequence[PublicationRule]) -> bool:
    """Return whether a rule is the one, of all, that decides about a run."""
    return policy_of(run, {each.run_type for each in rules}) == rule.run_type

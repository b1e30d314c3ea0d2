"""What triggers may make the readout do: hits of channels that they find are masked, or thinned.

A run's settings name the triggers that may, and how much. All that was done is an order of the run
like those that people give, by whom a person or a trigger: what is in force, since when and until
when follows from the orders alone, for whoever takes over.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from db.catalogue.orders import OrderEntry
from db.catalogue.runs import Run
from db.errors import UsageError
from readout.control.configuration import Configuration, Prescale, configuration_of

Rule = tuple[str, int]
"""A selection, and one in how many of its hits is kept: 0 masks all of them."""
WHO = "feedback of "
"""What the giver's name of such an order begins with."""
MOST, LONGEST_S = 64, 86_400.0


@dataclass(frozen=True)
class Limits:
    """What one trigger may do in a run. Raises UsageError for limits that are none."""

    columns: tuple[str, ...]
    """Of its rows and of a hit: hits that have a row's values in all of these are removed."""
    most: int = 8
    """How many such acts hold at a time."""
    for_s: float = 600.0
    """Seconds after which an act ends; if the trigger finds the same again, it begins anew."""

    def __post_init__(self) -> None:
        if not self.columns:
            raise UsageError("feedback needs columns that name what is masked: channel, ...")
        if not 1 <= self.most <= MOST:
            raise UsageError(f"feedback may mask 1 to {MOST} channels at a time, not {self.most}")
        if not 1 <= self.for_s <= LONGEST_S:
            raise UsageError(f"feedback may mask for 1 s to a day, not {self.for_s:g} s")


@dataclass(frozen=True)
class Act:
    """A rule that a trigger has added to what people configured."""

    trigger: str
    since: datetime


def limits_of(run: Run) -> dict[str, Limits]:
    """Return the triggers that may act on a run, and how much."""
    return {
        name: Limits(tuple(each["columns"]), each["most"], each["for_s"])
        for name, each in run.settings.get("feedback", {}).items()
    }


def plain(limits: Mapping[str, Limits]) -> dict[str, Any]:
    """Return limits as a run's settings keep them."""
    return {name: asdict(each) | {"columns": list(each.columns)} for name, each in limits.items()}


def check_feedback(run: Run, columns: Mapping[str, Collection[str]]) -> None:
    """Raise UsageError for feedback of a trigger that does not run, or by columns that are not
    there: ``columns`` has those of the rows of each trigger that runs."""
    hit = {*run.detector.column_names, "channel"}
    for name, each in limits_of(run).items():
        if name not in columns:
            raise UsageError(f"feedback of {name}: it does not run on this run; name it, too")
        for column in each.columns:
            for what, known in (("a hit", hit), ("a row of it", columns[name])):
                if column not in known:
                    raise UsageError(
                        f"feedback of {name}: {what} has no {column}; it has:"
                        f" {', '.join(sorted(known))}"
                    )


@dataclass(frozen=True)
class InForce:
    """What a run's orders come to."""

    base: Configuration
    """The last that a person ordered."""
    acts: Mapping[Rule, Act]
    """What triggers have added since."""
    lifted: Mapping[Rule, int]
    """From which tick of the run on an act of before holds no more: it needs a reason of later."""


def in_force(orders: Sequence[OrderEntry]) -> InForce:
    """Return what holds after a run's orders, which come newest first.

    An order of a person's replaces what triggers did: they act anew on what they find from then on.
    """
    base, acts, lifted = Configuration(), dict[Rule, Act](), dict[Rule, int]()
    for order in reversed(orders):
        if order.kind == "stop" or order.state not in ("acknowledged", "partly"):
            continue
        configuration = configuration_of(order.told.get("configuration") or {})
        before = acts
        if order.who.startswith(WHO):
            trigger = order.who.removeprefix(WHO)
            new = sorted(_rules(configuration) - _rules(base))
            acts = {r: before.get(r) or Act(trigger, order.given_at) for r in new}
        else:
            base, acts = configuration, {}
        tick = max((each.get("tick") or 0 for each in order.answers.values()), default=0)
        lifted |= {rule: tick for rule in before if rule not in acts}
    return InForce(base, acts, lifted)


def wanted(rows: pl.DataFrame, limits: Limits, after: Mapping[Rule, int]) -> list[Rule]:
    """Return the rules that a trigger's rows ask for, in order.

    ``rows`` are different values of the limits' columns, with the time ``last`` at which a row had
    them: hits that have them are meant; the column ``keep_1_in``, if there is one, thins them in
    place of masking all. What was last seen before a rule was lifted asks for nothing.
    """
    found = dict[Rule, None]()
    for row in rows.iter_rows(named=True):
        values = [(column, row[column]) for column in limits.columns]
        if any(value is None for _, value in values):
            continue
        text = " and ".join(f"{column} == {value}" for column, value in values)
        rule = text, int(row.get("keep_1_in") or 0)
        if row["last"] >= after.get(rule, row["last"]):
            found[rule] = None
    return list(found)


def next_acts(
    now: InForce, found: Mapping[str, Sequence[Rule]], limits: Mapping[str, Limits], at: datetime
) -> dict[Rule, Act]:
    """Return the acts that shall hold at a moment: those that are not over, and what is asked for.

    Of each trigger there are as many as its limits allow; those that hold go before new ones. One
    that is over is lifted first: it needs a reason of later.
    """
    acts = {
        rule: act
        for rule, act in now.acts.items()
        if act.trigger in limits and at < act.since + timedelta(seconds=limits[act.trigger].for_s)
    }
    for trigger, rules in found.items():
        room = limits[trigger].most - sum(act.trigger == trigger for act in acts.values())
        new = [rule for rule in rules if rule not in {*acts, *now.acts, *_rules(now.base)}]
        acts |= {rule: Act(trigger, at) for rule in new[: max(0, room)]}
    return acts


def configuration_with(base: Configuration, acts: Iterable[Rule]) -> Configuration:
    """Return what a person ordered, and the acts."""
    masks = [text for text, keep_1_in in acts if not keep_1_in]
    thinned = [Prescale(text, keep_1_in) for text, keep_1_in in acts if keep_1_in]
    return replace(base, masks=(*base.masks, *masks), prescales=(*base.prescales, *thinned))


def _rules(configuration: Configuration) -> set[Rule]:
    masks = {(text, 0) for text in configuration.masks}
    return masks | {(each.where, each.keep_1_in) for each in configuration.prescales}

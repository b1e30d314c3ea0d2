"""How things are: links, stages, services, spools and shards, each look on its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import redis
from redis.exceptions import RedisError

from db.catalogue.heartbeat import alive
from db.catalogue.orders import list_orders
from db.catalogue.runs import Run, open_runs
from db.engine import Engine, answers
from db.engine.address import parse_address
from db.engine.server import ClickHouseEngine, connect
from db.errors import StoreError
from db.publication.rules import PublicationRule, list_rules
from db.words.totals import newest_watermarks
from ops.alarms.watch import Sign
from ops.services.broker import waiting
from readout.control.feedback import in_force

Signs = dict[str, Sequence[Sign]]


@dataclass(frozen=True)
class Limits:
    """Seconds without a good look after which something is an alarm, and what is too much."""

    link_s: float = 30.0
    stage_s: float = 60.0
    service_s: float = 15.0
    queue_s: float = 60.0
    spool_s: float = 60.0
    shard_s: float = 15.0
    publication_s: float = 60.0
    most_windows: int = 1000
    """Windows that wait, of all runs."""


ANSWER_S = 3.0
"""Seconds of silence after which a look counts a shard as away: it must not wait for a statement's
time, or one shard that hangs keeps everything else from being seen."""


def looking_engine(url: str) -> ClickHouseEngine:
    """Return a store on servers that waits for none of them longer than ``ANSWER_S``.

    Nothing is asked yet: a shard may be away.
    """
    at = parse_address(url)
    wait, greet = min(at.timeout, ANSWER_S), min(at.connect_timeout, ANSWER_S)
    return connect(replace(at, timeout=wait, connect_timeout=greet))


def look(engine: Engine, client: redis.Redis, limits: Limits) -> Signs:
    """Return the signs of each name; a name is missing where it can't be looked at now."""
    found: Signs = {"shard": shards(engine, limits)}
    try:
        away = not client.ping()
    except (RedisError, OSError):
        away = True
    found["redis"] = [
        Sign(
            "redis", "broker", limits.service_s, "Redis has not answered",
            "look at the machine that EVERYHIT_REDIS names; words are still taken and stored,"
            " triggers wait", wrong=away,
        )
    ]  # fmt: skip
    # What is asked of the whole store hangs where one shard does, however soon we give up.
    whole = not any(sign.wrong for sign in found["shard"])
    can_be_asked = [partial(links, engine, limits), partial(feedback, engine)] if whole else []
    if whole and not away:
        can_be_asked.append(partial(_told, engine, client, limits))
    for each in can_be_asked:
        try:
            found |= each()
        except (StoreError, RedisError, OSError):
            continue  # which is an alarm of its own
    return found


def shards(engine: Engine, limits: Limits) -> list[Sign]:
    """Whether each shard answers."""
    return [
        Sign(
            "shard", f"{k} {getattr(shard.here, 'host', 'embedded')}", limits.shard_s,
            f"shard {k} of the store ({getattr(shard.here, 'host', 'embedded')}) has not answered",
            "look at ClickHouse and the disk on that machine, and at the readout's spool, which"
            " fills until it is back",
            wrong=not answers(shard.here),
        )
        for k, shard in enumerate(engine.shards)
    ]  # fmt: skip


def links(engine: Engine, limits: Limits) -> Signs:
    """Whether the watermark of each link of an open run goes on."""
    runs = {run.run_id: run for run in open_runs(engine)}
    return {
        "watermark": [
            Sign(
                "watermark", f"run {run} link {link}", limits.link_s,
                f"link {link} of run {run} ({runs[run].name}) has delivered nothing",
                "look at its front-end and its cable, then at everyhit readout and its spool",
                mark=mark,
            )
            for (run, link), mark in newest_watermarks(engine, list(runs)).items()
        ]
    }  # fmt: skip


def feedback(engine: Engine) -> Signs:
    """What triggers have the readout remove in open runs, as long as it does."""
    fed = [run for run in open_runs(engine) if run.settings.get("feedback")]
    return {
        "feedback": [
            Sign(
                "feedback", f"run {run.run_id} {where}", 0.0,
                f"trigger {act.trigger} has {_removed(keep_1_in)} of {where} removed from run"
                f" {run.run_id} ({run.name})",
                f"look at what rings there; 'everyhit run orders {run.run_id}' has its history,"
                " 'everyhit run configure' ends it",
                wrong=True,
            )
            for run in fed
            for (where, keep_1_in), act in in_force(list_orders(engine, run.run_id)).acts.items()
        ]
    }  # fmt: skip


def _removed(keep_1_in: int) -> str:
    return f"all but one in {keep_1_in} hits" if keep_1_in else "all hits"


def _told(engine: Engine, client: redis.Redis, limits: Limits) -> Signs:
    """What the services tell of themselves."""
    runs = open_runs(engine)
    marks = newest_watermarks(engine, [run.run_id for run in runs])
    conductors, workers = alive(client, "conductor"), alive(client, "worker")
    queued = waiting(client)
    fronts = {run: at for each in conductors for run, at in each["runs"].items()}
    windows = sum(stage["windows"] for at in fronts.values() for stage in at.values())
    needed = any(run.settings.get("triggers") for run in runs) or windows > 0
    trouble = next((each["trouble"] for each in conductors if each["trouble"]), "")
    return {
        "conductor": [
            Sign(
                "conductor", "alive", limits.service_s, "no conductor has been alive",
                "start everyhit conductor; no trigger runs without one",
                wrong=needed and not conductors,
            ),
            Sign(
                "conductor", "trouble", limits.service_s,
                f"the conductor has been in trouble ({trouble})",
                "look at its log, the store and the triggers of the run that it names",
                wrong=bool(trouble),
            ),
        ],
        "worker": [
            Sign(
                "worker", "alive", limits.service_s, "no worker has been alive",
                "start everyhit worker, or look at its log; windows wait meanwhile",
                wrong=(needed or sum(queued.values()) > 0) and not workers,
            )
        ],
        "backlog": [
            Sign(
                "backlog", "windows", limits.queue_s,
                f"triggers have not kept up ({windows} windows and {sum(queued.values())} tasks"
                " wait)", "see everyhit backlog; add workers, or find the trigger that is slow",
                wrong=windows > limits.most_windows,
            )
        ],
        "stage": stages(fronts, marks, {run.run_id: run for run in runs}, limits),
        "spool": spools(alive(client, "readout"), limits),
        "publication": publications(list_rules(engine), alive(client, "publisher"), limits),
    }  # fmt: skip


def stages(
    fronts: Mapping[str, Mapping[str, Mapping[str, Any]]],
    marks: Mapping[tuple[int, int], int],
    runs: Mapping[int, Run],
    limits: Limits,
) -> list[Sign]:
    """Whether the front of each stage of an open run moves as long as what it reads does."""
    return [
        Sign(
            "stage", f"run {run} {name}", limits.stage_s,
            f"trigger {name} of run {run} has stood at {told['done_to_s']} s of the run",
            "its inputs go on: see everyhit backlog, then everyhit trigger show"
            f" {name} --run {run} for what failed",
            mark=told["done_to_s"],
            needs=_inputs(of_run, told, [m for (r, _), m in marks.items() if r == int(run)]),
        )
        for run, of_run in fronts.items() if int(run) in runs
        for name, told in of_run.items()
    ]  # fmt: skip


def spools(readouts: Sequence[Mapping[str, Any]], limits: Limits) -> list[Sign]:
    """Whether each readout gets rid of what it has spooled."""
    return [
        Sign(
            "spool", each["name"], limits.spool_s,
            f"the spool of the readout {each['name']} (run {each['run']}) has not been emptied:"
            f" {each['spool_bytes'] / 1e6:.0f} MB of {each['most_bytes'] / 1e6:.0f} MB, the oldest"
            f" {each['oldest_s']:.0f} s old,",
            "look at the store first; when the spool is full, sources that can't wait lose words",
            wrong=each["oldest_s"] > limits.spool_s or 2 * each["spool_bytes"] > each["most_bytes"],
        )
        for each in readouts
    ]  # fmt: skip


def publications(
    rules: Sequence[PublicationRule], publishers: Sequence[Mapping[str, Any]], limits: Limits
) -> list[Sign]:
    """Whether documents follow the store, by each rule."""
    told = {(each["runs"], each["home"]): each for one in publishers for each in one["rules"]}
    wanted = {*told, *((rule.run_type, rule.home) for rule in rules)}
    return [
        Sign(
            "publication", f"{runs} {home}", limits.service_s,
            f"documents for runs {runs} have not been kept in {home} ({_why(told.get(key))})",
            "look at that server, its password in EVERYHIT_HOMES, and the log of the conductor;"
            " what is missing there follows by itself",
            wrong=_is_behind(told.get(key), limits.publication_s),
        )
        for key in sorted(wanted) for runs, home in [key]
    ]  # fmt: skip


def _why(told: Mapping[str, Any] | None) -> str:
    if told is None:
        return "no conductor does it"
    return told["trouble"] or f"it is {told['lag_s']:.0f} s behind"


def _is_behind(told: Mapping[str, Any] | None, most_s: float) -> bool:
    return told is None or told["lag_s"] > most_s


def _inputs(
    of_run: Mapping[str, Mapping[str, Any]], told: Mapping[str, Any], marks: Sequence[int]
) -> tuple[Any, ...]:
    others = tuple(of_run[name]["done_to_s"] for name in told["inputs"])
    return (*others, min(marks, default=None)) if told["reads_hits"] else others

"""How the run goes that a process takes: for its screen, and its last word."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from db.catalogue.runs import Run
from db.errors import UsageError
from db.results.failures import windows_set_aside
from db.results.totals import result_totals
from db.words.gaps import live_ticks
from db.words.rates import count_hits, newest_rates
from db.words.totals import extent, link_totals
from ops.demo.channels import groups_of_channels, name_of_others
from ops.services.front_ends import ReadoutService
from ops.services.one_process import OneProcess
from ops.terminal import OTHERS, Status
from software_triggers.conductor.conductor import Job


@dataclass
class _Begun:
    """A run as it was begun here."""

    run: Run
    words_before: int
    """Words that were stored before, of other runs."""
    at: float = field(default_factory=time.monotonic)
    last: tuple[float, int] = (0.0, 0)


class RunView:
    """The newest run of a readout, with what triggers make of it. Any thread may ask."""

    def __init__(self, process: OneProcess, service: ReadoutService) -> None:
        self._process, self._service = process, service
        self._begun: _Begun | None = None
        self._groups = groups_of_channels(service.agent.detector)
        self._others = name_of_others(service.agent.detector)
        self._second = 1e9 / float(service.agent.detector.tick)

    def begin(self, run: Run) -> None:
        """Look at this run from now on."""
        self._begun = _Begun(run, self._service.agent.writer.written.hits)

    @property
    def run(self) -> Run | None:
        """The run that is looked at; None before the first."""
        return self._begun.run if self._begun else None

    @property
    def job(self) -> Job | None:
        """What the conductor knows of it; None before it has seen it, or without triggers."""
        return self._process.follower.job_of(self._begun.run.run_id) if self._begun else None

    def status(self, quality: Mapping[str, str] | None = None) -> Status:
        """Return what a screen shows now; rates are those since the last call."""
        agent, begun = self._service.agent, self._begun
        taking, written = agent.taking, agent.writer.written
        if begun is None:
            waits = f"no run yet  {agent.detector.name}: waiting for orders"
            return Status(waits, 0.0, 0, 0.0, trouble=written.trouble)
        now, words = time.monotonic(), written.hits - begun.words_before
        since, before = begun.last if begun.last[0] else (begun.at, 0)
        begun.last = (now, words)
        title = f"run {begun.run.run_id}  {agent.detector.name}"
        marks, newest = (taking.watermarks, _newest(taking.newest)) if taking else ({}, 0)
        job = self.job
        return Status(
            title=title if taking else f"{title}  is over: waiting for orders",
            seconds=now - begun.at,
            words=words,
            words_per_s=(words - before) / max(1e-9, now - since),
            groups=self._group_rates(begun.run, newest) if taking else {},
            links=[
                {
                    "link": link,
                    "watermark_s": mark / self._second,
                    "behind_s": max(0.0, (newest - mark) / self._second),
                }
                for link, mark in sorted(marks.items())
            ],
            stages=self._stages(job) if job else [],
            backlog=job.backlog if job else 0,
            quality=dict(quality or {}),
            trouble=written.trouble,
        )

    def summary(self) -> dict[str, Any]:
        """Return what the run came to; ask when it is finished. Empty if there was none."""
        begun, job, engine = self._begun, self.job, self._process.at.engine
        if begun is None:
            return {}
        run = begun.run
        try:
            a, b = extent(engine, run)
        except UsageError:
            a, b = 0, 0
        ticks, stages = run.detector.slice, job.stages if job else ()
        lineages = [stage.lineage.lineage for stage in stages]
        return {
            "run": run.run_id,
            "words": int(link_totals(engine, [run.run_id])["words"].sum()),
            "hits": count_hits(engine, run, a // ticks * ticks, b),
            **{stage["trigger"]: stage["rows"] for stage in (self._stages(job) if job else ())},
            "failed_windows": len(windows_set_aside(engine, run.run_id, lineages)),
            "seconds": round(time.monotonic() - begun.at, 3),
            "live_time": live_ticks(engine, run.run_id, a, b) / self._second,
        }

    def _stages(self, job: Job) -> list[dict[str, Any]]:
        """Return for each trigger its committed rows and windows, and how far behind it is."""
        totals = result_totals(self._process.at.engine, [job.run.run_id])
        rows = dict(totals.select("lineage", "rows").iter_rows())
        newest = job.watermarks.newest
        return [
            {
                "trigger": stage.name,
                "rows": rows.get(stage.lineage.lineage, 0),
                "windows": job.progress[stage.name].n_done,
                "behind_s": max(0.0, (newest - job.done_to(stage.name)) / self._second),
            }
            for stage in job.stages
        ]

    def _group_rates(self, run: Run, newest: int) -> dict[str, float]:
        """Return hits a second of each group of channels, and other words, over the last complete
        second."""
        ticks = run.detector.slice
        slices = max(1, round(self._second / ticks))
        last = newest // ticks - 1
        counted = newest_rates(self._process.at.engine, run, last + 1 - slices, last + 1)
        rates: dict[str, float] = {}
        for row in counted.iter_rows(named=True):
            name = self._groups.get(row["channel"], self._others) if row["hit"] else OTHERS
            rates[name] = rates.get(name, 0.0) + row["n"] * self._second / (slices * ticks)
        return dict(sorted(rates.items()))


def _newest(clocks: Mapping[int, int]) -> int:
    return max(clocks.values(), default=0)

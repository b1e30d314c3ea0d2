"""What is booked of a run beside its words: times that were lost or thinned out, and why."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from db.catalogue.configurations import CONFIGURED
from db.words.gaps import Gap
from readout.control.removed import Removed
from readout.control.rules import Rule
from readout.link.unwrap import Anomaly
from readout.source.block import Suppressed

MOST_ANOMALIES = 100


@dataclass
class Booking:
    """Gaps that wait for the next cut."""

    run_id: int
    gaps: list[Gap] = field(default_factory=list)
    anomalies: list[Anomaly] = field(default_factory=list)
    """The first hundred contradictions in the links' clocks; all of them are booked as gaps."""

    def take(self) -> list[Gap]:
        """Return what waits, and begin anew."""
        gaps, self.gaps = self.gaps, []
        return gaps

    def lost(self, link: int, cause: str, a: int, b: int, n_lost: int) -> None:
        """Hits of times [a, b) that never came, or for which there was no room."""
        self.gaps.append(Gap(self.run_id, link, cause, a, b, n_lost=n_lost))

    def odd(self, anomaly: Anomaly) -> None:
        """A contradiction in a link's clock."""
        if len(self.anomalies) < MOST_ANOMALIES:
            self.anomalies.append(anomaly)
        self._note(anomaly.link, anomaly.cause, anomaly.at, anomaly.detail)

    def configured(self, link: int, from_t: int, detail: str) -> None:
        """A configuration that holds from a tick on."""
        self._note(link, CONFIGURED, from_t, detail)

    def removed(self, link: int, by_rule: Mapping[Rule, Removed]) -> None:
        """Hits that were removed on purpose."""
        for rule, removed in by_rule.items():
            a, b = removed.t_first, removed.t_last + 1
            self.gaps.append(
                Gap(self.run_id, link, rule.cause, a, b, False, removed.n_hits, rule.text)
            )

    def suppressed(self, link: int, a: int, b: int, suppressed: Suppressed) -> None:
        """Hits of times [a, b), less what lies before the run, that their source left out."""
        a, n, rule = max(a, 0), suppressed.n_hits, suppressed.rule
        self.gaps.append(Gap(self.run_id, link, "threshold", a, max(b, a + 1), False, n, rule))

    def _note(self, link: int, cause: str, at: int, detail: str) -> None:
        self.gaps.append(Gap(self.run_id, link, cause, at, at + 1, dead=False, detail=detail))

"""A board that does what it can of a run's configurations, and what it removed, from its counters.

Masks and prescales of whole channels are registers of the board. What holds from a tick on is told
to the board first, and the tick lies behind all hits that the board had judged by then: each later
hit met the configuration, and what the board removed earlier is booked with the times it had.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from db.detector import Detector, decode
from db.errors import SelectionError
from db.words.gaps import Gap
from fpga.control.bus import Bus
from fpga.control.channel_rules import channels_where
from fpga.control.registers import FILTER, KEEP, REMOVED, Registers
from fpga.selection.constants import prefilter_of
from readout.control.configuration import Configuration, Prescale
from readout.control.rules import Rule, prescale_rule
from readout.writer.batch import Counted

POLL_S, AWAY_S = 0.5, 30.0
"""Seconds between two looks at the counters, at least, and after one that found nobody: words wait
while a board is asked."""
_AHEAD_S = 10.0
"""A board whose newest hit lies further ahead than this of what came here has seen a wild one."""
OVERFLOWED = Rule("board_overflow", "")
_OPEN = 1
Place = Callable[[int], tuple[int, int] | None]
"""Gives the tick of the run of a sound hit's own time, and the newest tick of its link; None before
the link's first words."""


@dataclass(frozen=True)
class Share:
    """What a board does of a configuration."""

    keep: Mapping[int, int] = field(default_factory=dict)
    """What the registers of channels hold that don't let all pass."""
    rules: Mapping[int, Rule] = field(default_factory=dict)
    """Why hits of those channels are removed."""
    prefilter: str = ""
    """What its filter keeps; empty where it rests."""
    constants: tuple[int, ...] = ()
    """Of the filter, as its registers have them."""
    left: Configuration = field(default_factory=Configuration)
    """What the readout does: all but the board's prescales. The others are as good twice."""

    @property
    def sentence(self) -> str:
        """What is said of it to who gave the order; empty if it is nothing."""
        if not self.keep and not self.prefilter:
            return ""
        n_masked = sum(n == 0 for n in self.keep.values())
        said = f"the board masks {n_masked} channels and thins {len(self.keep) - n_masked}"
        return said + (", and filters" if self.prefilter else "")


def share_of(detector: Detector, board: Registers, configuration: Configuration) -> Share:
    """What of a configuration a board can do; its first rule is a channel's, masks go before.

    What more than the channel decides, a prescale of channels that have one, and a prefilter of
    another shape than the filter's are left.
    """
    keep, rules, left = dict[int, int](), dict[int, Rule](), list[Prescale]()
    for text in configuration.masks:
        for channel in _channels(detector, board, text) or ():
            keep[channel] = 0
            rules.setdefault(channel, Rule("mask", text))
    masked = set(keep)
    for each in configuration.prescales:
        channels = set(_channels(detector, board, each.where) or ()) - masked
        if not channels or channels & keep.keys():
            left.append(each)
            continue
        keep |= dict.fromkeys(channels, each.keep_1_in)
        rules |= dict.fromkeys(channels, prescale_rule(each))
    constants = _constants(detector, board, configuration.prefilter)
    prefilter = "" if constants is None else configuration.prefilter
    left_over = replace(configuration, prescales=tuple(left))
    return Share(keep, rules, prefilter, constants or (), left_over)


def _constants(detector: Detector, board: Registers, text: str) -> tuple[int, ...] | None:
    """What the filter's constants must be for a prefilter; None where it has another shape."""
    if not text or not board.filter_shape:
        return None
    try:
        wanted = prefilter_of(detector, text)
    except SelectionError:
        return None
    same = (wanted.shape, len(wanted.constants)) == (board.filter_shape, board.constants)
    return tuple(each.bits for each in wanted.constants) if same else None


def _channels(detector: Detector, board: Registers, text: str) -> list[int] | None:
    """The channels of a selection; None where more than the channel decides."""
    try:
        return channels_where(detector, board, text)
    except SelectionError:
        return None


@dataclass
class ControlledBoard:
    """A board, for one run after the other. All raise BoardError when it is silent."""

    detector: Detector
    link: int
    """Under which its words come."""
    bus: Bus
    share: Share = field(default_factory=Share)
    _doubted: Share | None = None
    """What is being ordered, or was when the board fell silent: it may be in force."""
    _found: list[Gap] = field(default_factory=list)
    """What was counted and isn't handed out yet: the board may fall silent in between."""
    _known: Registers | None = None
    _counted: dict[int, int] = field(default_factory=dict)
    """Counters, as they were when they were read last, by their addresses."""
    judged: "Judged | None" = None
    """How far it had judged hits when its counters were read last."""

    @property
    def registers(self) -> Registers:
        """Which registers it has."""
        if self._known is None:
            self._known = self.bus.registers()
        return self._known

    @property
    def counted(self) -> Counted:
        """Where its counters stood when what they count was handed out last."""
        return Counted(dict(self._counted), self.judged.a if self.judged else 0)

    def begin(self, configuration: Configuration, counted: Counted | None = None) -> None:
        """Let all pass but what a run's configuration says, and count from here on.

        A run that goes on counts from where an earlier process had ``counted``: what the board
        removed since then is found by the next look. One that was switched on anew counts from 0.
        """
        self._known = None  # it may be another one by now
        self.share, self._doubted, self._counted, self.judged = Share(), None, {}, None
        self._found = []
        if counted and counted.at:
            held = self.bus.read(list(counted.at))
            anew = any(n < before for n, before in zip(held, counted.at.values(), strict=True))
            self._counted = dict.fromkeys(counted.at, 0) if anew else dict(counted.at)
            self.judged = Judged(counted.judged, counted.judged + 1)
        all_open = dict.fromkeys(range(self.registers.links * self.registers.channels), _OPEN)
        share = share_of(self.detector, self.registers, configuration)
        known = self._counted
        self._count({at: rule for at, rule in self._addresses(share).items() if at not in known})
        self._write({**all_open, **share.keep}, share)
        self.share = share

    def obey(self, configuration: Configuration, run_id: int, place: Place) -> list[Gap]:
        """Do what it can of another configuration; what it removed by now.

        If that fails the next look undoes what may have been done.
        """
        share = share_of(self.detector, self.registers, configuration)
        self._settle(run_id, place)
        known = self._written
        self._count({at: rule for at, rule in self._addresses(share).items() if at not in known})
        self._doubted, opened = share, self.share.keep.keys() - share.keep.keys()
        self._write({**dict.fromkeys(opened, _OPEN), **share.keep}, share)
        self._look(run_id, place)
        self.share, self._doubted = share, None
        return self._handed_out()

    def end(self, run_id: int, place: Place) -> list[Gap]:
        """Let all pass; what was removed since the last look."""
        doubted = self._doubted.keep if self._doubted else {}
        self._write(dict.fromkeys({*self.share.keep, *doubted}, _OPEN), Share())
        self._look(run_id, place)
        self.share, self._doubted = Share(), None
        return self._handed_out()

    def look(self, run_id: int, place: Place) -> list[Gap]:
        """What was removed, and lost, since the last look."""
        self._settle(run_id, place)
        return self._handed_out()

    def _settle(self, run_id: int, place: Place) -> None:
        """Undo what is in doubt, and count what was removed by now."""
        if self._doubted is not None:
            opened = dict.fromkeys(self._doubted.keep.keys() - self.share.keep.keys(), _OPEN)
            self._write({**opened, **self.share.keep}, self.share)
        self._look(run_id, place)
        self._doubted = None

    def _handed_out(self) -> list[Gap]:
        found, self._found = self._found, []
        return found

    def _look(self, run_id: int, place: Place) -> None:
        """Find a gap for each rule that removed something since the last look."""
        links = range(self.registers.links)
        counted, halves = self._count(
            self._written, [at for k in links for at in self.registers.newest(k)]
        )
        before = self.judged
        self.judged = now = self._judged(halves, place) or before
        a = before.a if before else 0
        b = max(a + 1, now.b if now else 0)
        self._found += [
            Gap(run_id, self.link, rule.cause, a, b, rule == OVERFLOWED, n, rule.text)
            for rule, n in counted.items()
            if n
        ]

    @property
    def _written(self) -> dict[int, Rule]:
        """The counters that may grow, each with its rule."""
        doubted = self._addresses(self._doubted) if self._doubted else {}
        return {**doubted, **self._addresses(self.share)}

    def _judged(self, newest_hits: Sequence[int], place: Place) -> "Judged | None":
        """How far it has judged hits, by the halves of each link's; None if that can't be told."""
        halves = np.array(newest_hits, np.uint64).reshape(-1, 2)
        words = halves[:, 0] | halves[:, 1] << np.uint64(32)
        columns = decode(self.detector, words, columns=("t", "hit"))
        far, reached = _AHEAD_S * 1e9 / float(self.detector.tick), []
        for time in columns["t"][columns["hit"]].tolist():
            if (placed := place(time)) is None:
                return None
            t, newest = placed
            reached.append(t if t - newest <= far else newest)
        if not reached:
            return None
        disorder = self.detector.disorder
        return Judged(max(0, min(reached) - disorder), max(reached) + disorder + 1)

    def _addresses(self, share: Share) -> dict[int, Rule]:
        """The counters of what is removed or lost, each with its rule."""
        names = self.registers.counters
        lost = {k: OVERFLOWED for k, name in enumerate(names) if name.endswith("_overflowed")}
        ruled = {self.registers.gate(c, REMOVED): rule for c, rule in share.rules.items()}
        rule = Rule("prefilter", share.prefilter)
        filtered = {names.index("filtered"): rule} if share.prefilter else {}
        return {**lost, **filtered, **ruled}

    def _count(
        self, addresses: Mapping[int, Rule], beside: Sequence[int] = ()
    ) -> tuple[dict[Rule, int], list[int]]:
        """What the counters have grown by for each rule, and the registers ``beside``, read last.

        Counters that are read for the first time have not grown.
        """
        held, last = self.bus.read(list(addresses)), self.bus.read(beside)
        grown = dict[Rule, int]()
        for (address, rule), n in zip(addresses.items(), held, strict=True):
            grown[rule] = grown.get(rule, 0) + (n - self._counted.get(address, n)) % 2**32
            self._counted[address] = n
        return grown, last

    def _write(self, keep: Mapping[int, int], share: Share) -> None:
        """Set registers of channels, and those of the filter, which rests meanwhile."""
        has_filter = bool(self.registers.filter_shape)
        if has_filter:
            self.bus.write({FILTER: 1})
        self.bus.write({self.registers.gate(c, KEEP): n for c, n in keep.items()})
        if has_filter and share.prefilter:
            self.bus.write({FILTER + 1 + k: n for k, n in enumerate(share.constants)})
            self.bus.write({FILTER: 0})


@dataclass(frozen=True)
class Judged:
    """Ticks of a run: on all links hits before ``a`` are judged, and none from ``b`` on."""

    a: int
    b: int

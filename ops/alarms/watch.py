"""When a look becomes an alarm: after a time, once, until it is over."""

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from db.catalogue.alarms import Alarm, Key


@dataclass(frozen=True)
class Sign:
    """How one thing is at the moment of a look.

    It is well if nothing is ``wrong`` and, where it has a ``mark``, this moves: at least as long
    as all that it ``needs`` moves, too.
    """

    name: str
    subject: str
    after_s: float
    """Seconds without a good look after which it is an alarm."""
    stopped: str
    """What has stopped then: the sentence's beginning."""
    look_at: str
    """What to do: its end."""
    wrong: bool = False
    mark: Hashable = None
    needs: tuple[Hashable, ...] = ()

    @property
    def key(self) -> Key:
        """What tells signs apart."""
        return self.name, self.subject


@dataclass(frozen=True)
class _Good:
    """The last good look."""

    at: float
    mark: Hashable
    needs: tuple[Hashable, ...]


class Watch:
    """The alarms that stand.

    ``standing`` are those of an earlier watch: they are not raised again.
    """

    def __init__(self, standing: Collection[Alarm] = ()) -> None:
        self.standing: dict[Key, Alarm] = {alarm.key: alarm for alarm in standing}
        self._good: dict[Key, _Good] = {}

    def look(self, signs: Mapping[str, Sequence[Sign]], now: float) -> list[Alarm]:
        """Take the signs of each name that could be looked at, and return the alarms that changed.

        ``now`` is in seconds of Unix time. What is not among the signs of its name is over; a name
        that is not there could not be looked at, and stays as it is.
        """
        changed = []
        for name, found in signs.items():
            seen = {sign.key for sign in found}
            judged = [self._judge(sign, now) for sign in found]
            gone = [key for key in self._good if key[0] == name and key not in seen]
            over = [key for key in self.standing if key[0] == name and key not in seen]
            for key in gone:
                del self._good[key]
            changed += [alarm for alarm in judged if alarm]
            changed += [self._clear(key, now) for key in over]
        return changed

    def _judge(self, sign: Sign, now: float) -> Alarm | None:
        last = self._good.get(sign.key)
        if self._well(sign, last):
            self._good[sign.key] = _Good(now, sign.mark, sign.needs)
            return self._clear(sign.key, now) if sign.key in self.standing else None
        if last is None:  # the first look at it: from now on time counts
            self._good[sign.key] = _Good(now, sign.mark, sign.needs)
            return None
        if sign.key in self.standing or now - last.at < sign.after_s:
            return None
        since = datetime.fromtimestamp(last.at, UTC)
        message = f"{sign.stopped} since {since:%Y-%m-%d %H:%M:%S} UTC: {sign.look_at}"
        self.standing[sign.key] = Alarm(sign.name, sign.subject, since, message)
        return self.standing[sign.key]

    def _well(self, sign: Sign, last: _Good | None) -> bool:
        if sign.wrong:
            return False
        if sign.mark is None:
            return True
        if last is None:
            return sign.key not in self.standing
        waits = any(a == b for a, b in zip(sign.needs, last.needs, strict=False))
        return sign.mark != last.mark or waits

    def _clear(self, key: Key, now: float) -> Alarm:
        over = self.standing.pop(key)
        return replace(over, state="cleared", since=datetime.fromtimestamp(now, UTC))

"""Answers to equal questions that come within a moment: the store is asked once."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Any

_JOINED_S = 5.0
"""An answer that is still being worked out is waited for by whoever asks the same so soon: where
it takes long, asking once more would only make it longer."""


@dataclass(frozen=True, eq=False)
class _Asked:
    at: float
    answer: "asyncio.Future[Any]"


class QueryCache:
    """Keeps an answer for ``kept_s`` seconds from when it was asked for; 0 keeps none.

    ``forget`` must be called after every change that is made here: who changes something and then
    asks sees what he did.
    """

    def __init__(self, kept_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._kept_s, self._clock = kept_s, clock
        self._asked: dict[Hashable, _Asked] = {}

    async def ask(
        self,
        question: Hashable,
        answer: Callable[[], Awaitable[Any]],
        keep: Callable[[Any], bool] = lambda _: True,
    ) -> Any:
        """Return the answer to a question, one that is at hand or a new one.

        Whoever goes away meanwhile leaves the others theirs. Only what ``keep`` approves is kept
        when it is there.
        """
        if not self._kept_s:
            return await answer()
        now = self._clock()
        for other in [q for q, asked in self._asked.items() if not self._good(asked, now)]:
            del self._asked[other]
        asked = self._asked.get(question)
        if asked is None:
            asked = self._asked[question] = _Asked(now, asyncio.ensure_future(answer()))
        try:
            found = await asyncio.shield(asked.answer)
        except Exception:
            self._drop(question, asked)
            raise
        if not keep(found):
            self._drop(question, asked)
        return found

    def forget(self) -> None:
        """Keep nothing of what was asked until now."""
        self._asked.clear()

    def _good(self, asked: _Asked, now: float) -> bool:
        limit = self._kept_s if asked.answer.done() else max(self._kept_s, _JOINED_S)
        return now - asked.at < limit

    def _drop(self, question: Hashable, asked: _Asked) -> None:
        if self._asked.get(question) is asked:
            del self._asked[question]

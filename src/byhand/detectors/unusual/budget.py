# SPDX-License-Identifier: Apache-2.0
"""Which acts are said to be unusual: as many as somebody has time to look at, and no more.

1 The score is among the highest ``share`` of recent acts. 2 Of persons who are little known at most twice that
share: their score must be among the highest of recent acts of such persons too. 3 Something else than the target
speaks for it: everybody goes somewhere for the first time. 4 There is credit: each act brings ``share`` of an alert,
so that a day on which everything is different does not bury anybody.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import Any

from byhand.detectors.contract import Judgement

SHARE = 0.01  # of acts; one in a hundred is what a team looks at (measured: every second is worth it)
RECENT = 4_096  # scores that a new one is held against
RECENT_MIN = 200  # before it nothing is said
NEWCOMERS_MIN = 50  # scores of little-known persons that make a standard of their own
NEWCOMERS_SHARE = 2  # times the share: at most so many alerts among the acts of the little known
KNOWN_ACTS = 20.0  # decayed acts from which on a person counts as known
CREDIT_MAX = 5.0  # alerts that a quiet time saves up: the pages of one day
NEVER_ALONE = frozenset({"target", "person"})
"""Aspects that are no reason by themselves: a new target of a known kind, a new person."""


class Budget:
    """Decides on each judgement in turn. Deterministic; its state goes with the detector's."""

    def __init__(self, share: float = SHARE) -> None:
        self.share = share
        self.credit = 1.0
        self.known = _Recent()
        self.newcomers = _Recent()

    def spend(self, judgement: Judgement, *, may_be_said: bool = True) -> bool:
        """Whether this one is said to be unusual; it then has used up one alert."""
        new = judgement.known < KNOWN_ACTS
        said = may_be_said and self._said(judgement, new=new)
        self.known.add(judgement.score)
        if new:
            self.newcomers.add(judgement.score)
        self.credit = min(CREDIT_MAX, self.credit + self.share)
        if said:
            self.credit -= 1.0
        return said

    def _said(self, judgement: Judgement, *, new: bool) -> bool:
        if self.credit < 1.0 or len(self.known.order) < RECENT_MIN:
            return False
        if judgement.score < self.known.threshold(self.share):  # 1
            return False
        if new:  # 2
            few = len(self.newcomers.order) < NEWCOMERS_MIN
            if few or judgement.score < self.newcomers.threshold(NEWCOMERS_SHARE * self.share):
                return False
        return any(reason.aspect not in NEVER_ALONE for reason in judgement.reasons)  # 3

    def state(self) -> dict[str, Any]:
        """Everything it goes by."""
        return {"credit": self.credit, "known": self.known.order, "newcomers": self.newcomers.order}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what ``state`` gave."""
        self.credit = state["credit"]
        for recent, order in ((self.known, state["known"]), (self.newcomers, state["newcomers"])):
            recent.order, recent.sorted = order, sorted(order)


class _Recent:
    """The last scores, and the same in order."""

    def __init__(self) -> None:
        self.order: list[float] = []
        self.sorted: list[float] = []

    def add(self, score: float) -> None:
        if len(self.order) >= RECENT:
            gone = self.order.pop(0)
            del self.sorted[bisect_left(self.sorted, gone)]
        self.order.append(score)
        insort(self.sorted, score)

    def threshold(self, share: float) -> float:
        """The score that ``share`` of them reach."""
        return self.sorted[-max(1, int(share * len(self.sorted)))]

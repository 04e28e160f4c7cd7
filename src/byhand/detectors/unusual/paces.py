# SPDX-License-Identifier: Apache-2.0
"""How busy a person's busy spells become: the share of spells that reach a level, with back-off to everyone.

A spell is a run of acts without a pause longer than the window. Spells are counted, not acts: a single spell of a
hundred acts is one spell that reached every level, and does not make itself common.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import Any

from byhand.detectors.unusual.decay import Weights

LEVELS = (2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0, 48.0, 64.0, 96.0, 128.0)
"""Acts, of which each fades within the window."""
PERSON_PRIOR = 6.0  # spells that everyone's count for
EVERYONE_PRIOR = 2.0  # spells that are made up: half of them reach each next level


def level(fading: float) -> int:
    """How many of ``LEVELS`` are reached."""
    return bisect_right(LEVELS, fading)


class Paces:
    """Decayed counts of spells, and of those that reached each level: at place 0 all, at place n those of level n."""

    def __init__(self) -> None:
        self.persons: dict[str, list[float]] = {}
        self.everyone = [0.0] * (len(LEVELS) + 1)

    def surprise(self, person: str, reached: int, now: Weights) -> float:
        """Bits of a spell that gets so busy."""
        if reached == 0:
            return 0.0
        spells = self.everyone
        made_up = EVERYONE_PRIOR * 0.5**reached
        share = (spells[reached] / now.everyone + made_up) / (spells[0] / now.everyone + EVERYONE_PRIOR)
        own = self.persons.get(person)
        if own is not None:
            weight = now.person
            share = (own[reached] / weight + PERSON_PRIOR * share) / (own[0] / weight + PERSON_PRIOR)
        return -math.log2(share)

    def add(self, person: str, before: int, reached: int, now: Weights) -> None:
        """A spell went from level ``before`` (-1: it began) to ``reached``."""
        own = self.persons.get(person)
        if own is None:
            own = self.persons[person] = [0.0] * (len(LEVELS) + 1)
        for place in range(before + 1, reached + 1):
            own[place] += now.person
            self.everyone[place] += now.everyone

    def state(self) -> dict[str, Any]:
        """Everything counted."""
        return {"persons": self.persons, "everyone": self.everyone}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what ``state`` gave."""
        self.persons, self.everyone = state["persons"], state["everyone"]

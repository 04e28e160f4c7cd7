# SPDX-License-Identifier: Apache-2.0
"""Counting that forgets: an act counts half as much after the half-life, without anybody touching its counter.

Every count is kept in the weight of a fixed day (``LANDMARK``), in which later acts weigh more. Dividing by the
weight of today gives the decayed count, so nothing needs to be aged, and no counter depends on when it was read.
"""

from __future__ import annotations

import math

DAY = 86_400.0
HALF_LIFE_DAYS = 120.0  # a habit of last season still counts, one of two years ago hardly does (measured)
EVERYONE_HALF_LIFE_DAYS = 480.0  # what everyone does changes more slowly than what one person does
LANDMARK = 946_684_800.0  # 2000-01-01: a weight stays a finite float until past the year 2300
EXPONENT_MAX = 600.0  # e^600 is still far from the largest float


def weight(at: float, half_life_days: float = HALF_LIFE_DAYS) -> float:
    """What an act at ``at`` weighs; an act one half-life later weighs twice as much."""
    exponent = math.log(2) * (at - LANDMARK) / (half_life_days * DAY)
    return math.exp(max(-EXPONENT_MAX, min(EXPONENT_MAX, exponent)))


class Weights:
    """The weights of one moment, computed once for an act."""

    __slots__ = ("everyone", "person")

    def __init__(self, at: float) -> None:
        self.person = weight(at)
        self.everyone = weight(at, EVERYONE_HALF_LIFE_DAYS)

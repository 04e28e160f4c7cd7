# SPDX-License-Identifier: Apache-2.0
"""What is known of one person beside the counters: how many acts, how fast, how large, when last."""

from __future__ import annotations

import math
from typing import NamedTuple

from byhand.detectors.unusual.decay import DAY, HALF_LIFE_DAYS
from byhand.detectors.unusual.paces import level

BURST_SECONDS = 600.0  # ten minutes: by hand one does a few things in it, a script does many
PERSONS_MAX = 20_000  # persons whose habits are kept; beyond it those who acted longest ago are forgotten
PRIOR_ACTS = 4.0  # sizes that are made up for somebody unknown
PRIOR_MEAN, PRIOR_SQUARE = 1.0, 2.0  # of the logarithm of their sizes
VARIANCE_MIN = 0.15  # somebody who always changes one file may change two
SIZE_KEPT = 0.995  # of the weight of earlier sizes at each act: the last two hundred count
IDLE_DAYS_UNKNOWN = 63.0  # how long ago somebody never seen acted, for the model


class Habits(NamedTuple):
    """One person's pace and sizes."""

    acts: float = 0.0
    """Decayed number of acts at ``last``."""
    last: float = 0.0
    burst: float = 0.0
    """Acts, of which each fades within ``BURST_SECONDS``, at ``last``."""
    reached: int = 0
    """The level that the last spell has reached."""
    sizes: float = PRIOR_ACTS
    size_sum: float = PRIOR_ACTS * PRIOR_MEAN
    size_squares: float = PRIOR_ACTS * PRIOR_SQUARE

    def fading(self, at: float) -> float:
        """Acts within the last minutes, this one not among them."""
        return self.burst * math.exp(-max(0.0, at - self.last) / BURST_SECONDS)

    def known(self, at: float) -> float:
        """Decayed number of acts."""
        return self.acts * math.exp2(-max(0.0, at - self.last) / (HALF_LIFE_DAYS * DAY))

    def idle_days(self, at: float) -> float:
        """Days since the last act."""
        return max(0.0, at - self.last) / DAY if self.acts else IDLE_DAYS_UNKNOWN

    def spell(self, at: float) -> int:
        """The level that the spell going on has reached before this act; -1: a spell begins with it."""
        return self.reached if self.acts and abs(at - self.last) <= BURST_SECONDS else -1

    def level(self, at: float) -> int:
        """The level that this act brings the spell to."""
        return max(self.spell(at), level(self.fading(at) + 1))

    def surprise_of_size(self, size: float) -> float:
        """Bits by which this act is larger than this person's acts are."""
        mean = self.size_sum / self.sizes
        variance = max(self.size_squares / self.sizes - mean * mean, VARIANCE_MIN)
        above = max(0.0, math.log1p(max(0.0, size)) - mean)
        return above * above / variance * 0.72  # half a square in natural units, in bits

    def after(self, at: float, size: float) -> Habits:
        """The habits with one more act."""
        logarithm = math.log1p(max(0.0, size))
        return Habits(
            self.known(at) + 1,
            max(at, self.last),
            self.fading(at) + 1,
            self.level(at),
            self.sizes * SIZE_KEPT + 1,
            self.size_sum * SIZE_KEPT + logarithm,
            self.size_squares * SIZE_KEPT + logarithm * logarithm,
        )


UNKNOWN = Habits()

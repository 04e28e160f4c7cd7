# SPDX-License-Identifier: Apache-2.0
"""Chance that can be repeated: numbers that follow from a seed and nothing else (splitmix64)."""

from __future__ import annotations

MASK = (1 << 64) - 1


class Chance:
    """A row of numbers. The same seed gives the same row on every machine and in every version of Python."""

    __slots__ = ("_state",)

    def __init__(self, seed: int) -> None:
        self._state = seed & MASK

    def below(self, bound: int) -> int:
        """A whole number from 0 to ``bound`` - 1."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & MASK
        mixed = self._state
        mixed = ((mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9) & MASK
        mixed = ((mixed ^ mixed >> 27) * 0x94D049BB133111EB) & MASK
        return ((mixed ^ mixed >> 31) * bound) >> 64

# SPDX-License-Identifier: Apache-2.0
"""One at a time on a target: a redemption takes its next turn, and the one after waits until it ended.

A turn is a claim in the log (``turn:TARGET:NUMBER``), so two processes cannot take the same one. What a
process remembers of the last number is only where it begins to look.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from byhand.control.chains import Chains
from byhand.errors import NotPermitted
from byhand.journal.journal import Journal

REMEMBERED_MAX = 4_096  # targets somebody acted on lately; one forgotten costs a few look-ups


class Turns:
    """The turns of every target of one home. Thread-safe."""

    def __init__(self, journal: Journal, chains: Chains) -> None:
        self._journal = journal
        self._chains = chains
        self._lock = threading.Lock()
        self._taken: OrderedDict[str, int] = OrderedDict()

    def claim(self, target: str, intervention: str) -> str:
        """The claim for the next turn on ``target`` (a digest); raises NotPermitted while one is open."""
        number = self._count(target)
        if number:
            leaf = self._journal.reader.claimed(_name(target, number - 1))
            holder = leaf.intervention if leaf is not None else None
            if holder not in (None, intervention) and self._chains.get(str(holder)).state.phase == "redeemed":
                raise NotPermitted(
                    f"another intervention on this target is being carried out: {holder}",
                    advice=f"Wait until it has ended, or look at it with: byhand show {holder}",
                )
        return _name(target, number)

    def _count(self, target: str) -> int:
        """How many turns were taken: from the remembered number on in growing steps, then by halves."""
        with self._lock:
            low = self._taken.get(target, 0)
        step = 1
        while self._is_taken(target, low + step - 1):
            low, step = low + step, step * 2
        high = low + step - 1
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self._is_taken(target, middle) else (low, middle)
        with self._lock:
            self._taken[target] = low
            self._taken.move_to_end(target)
            while len(self._taken) > REMEMBERED_MAX:
                self._taken.popitem(last=False)
        return low

    def _is_taken(self, target: str, number: int) -> bool:
        return self._journal.reader.claimed(_name(target, number)) is not None


def _name(target: str, number: int) -> str:
    return f"turn:{target}:{number}"

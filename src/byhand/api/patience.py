# SPDX-License-Identifier: Apache-2.0
"""How many clients may be waited for at once: beyond that, whoever has kept the server waiting longest gives way.

A client that means well is waited for some milliseconds; one that holds a place only for the sake of it is soon
the oldest there is. So the places are never all taken by those, and nobody new is turned away for them. Those who
give way are of the address that is waited for most: a crowd from one place does not push out a slow line elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from byhand.api.shares import NOWHERE


class Patience:
    """With at most ``limit`` clients at once. Only for the event loop's own thread."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.gave_way = 0
        self._whose: dict[int, str] = {}
        self._waiting: dict[
            str, dict[int, Callable[[], None]]
        ] = {}  # of each in the order in which they came
        self._next = 0

    def __len__(self) -> int:
        return len(self._whose)

    def begin(self, give_way: Callable[[], None], whose: str = NOWHERE) -> int:
        """Wait for a client; returns its number. When there are too many, one's ``give_way`` is called: see above."""
        self._next += 1
        self._whose[self._next] = whose
        self._waiting.setdefault(whose, {})[self._next] = give_way
        if len(self._whose) > self.limit:
            most = max(self._waiting, key=lambda one: len(self._waiting[one]))
            oldest = next(iter(self._waiting[most]))
            self.gave_way += 1
            self._taken_out(oldest)()
        return self._next

    def _taken_out(self, number: int) -> Callable[[], None]:
        whose = self._whose.pop(number)
        give_way = self._waiting[whose].pop(number)
        if not self._waiting[whose]:
            del self._waiting[whose]
        return give_way

    def end(self, number: int) -> None:
        """It came, or went."""
        if number in self._whose:
            self._taken_out(number)

    @contextmanager
    def waiting(self, give_way: Callable[[], None], whose: str = NOWHERE) -> Iterator[None]:
        """Wait for a client inside."""
        number = self.begin(give_way, whose)
        try:
            yield
        finally:
            self.end(number)

    def end_all(self) -> None:
        """Wait for nobody any longer: the server stops."""
        while self._whose:
            self._taken_out(next(iter(self._whose)))()

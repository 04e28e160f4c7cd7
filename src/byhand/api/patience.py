# SPDX-License-Identifier: Apache-2.0
"""How many clients may be waited for at once: beyond that, whoever has kept the server waiting longest gives way.

A client that means well is waited for some milliseconds; one that holds a place only for the sake of it is soon
the oldest there is. So the places are never all taken by those, and nobody new is turned away for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Patience:
    """With at most ``limit`` clients at once. Only for the event loop's own thread."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.gave_way = 0
        self._waiting: dict[int, Callable[[], None]] = {}  # in the order in which they came
        self._next = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def begin(self, give_way: Callable[[], None]) -> int:
        """Wait for a client; returns its number. The oldest one's ``give_way`` is called when there are too many."""
        self._next += 1
        self._waiting[self._next] = give_way
        if len(self._waiting) > self.limit:
            oldest = next(iter(self._waiting))
            self.gave_way += 1
            self._waiting.pop(oldest)()
        return self._next

    def end(self, number: int) -> None:
        """It came, or went."""
        self._waiting.pop(number, None)

    @contextmanager
    def waiting(self, give_way: Callable[[], None]) -> Iterator[None]:
        """Wait for a client inside."""
        number = self.begin(give_way)
        try:
            yield
        finally:
            self.end(number)

    def end_all(self) -> None:
        """Wait for nobody any longer: the server stops."""
        waiting, self._waiting = self._waiting, {}
        for give_way in waiting.values():
            give_way()

# SPDX-License-Identifier: Apache-2.0
"""Bounded lanes, so that a storm of readers or feeds never keeps an act from its gate.

Each lane has so many places; whoever finds none is told at once to come back, and nothing is queued without end. No
address holds more of them than it leaves to the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from byhand.api.patience import Patience
from byhand.api.shares import NOWHERE, Shares
from byhand.errors import Overloaded
from byhand.records.limits import BATCH_BYTES_MAX, RECORD_BYTES_MAX, STATEMENT_LENGTH_MAX

RETRY_AFTER_SECONDS = 1  # a lane's places turn over many times a second; longer would only idle the client
GATE_BYTES_MAX = (
    RECORD_BYTES_MAX + 2 * STATEMENT_LENGTH_MAX
)  # a declaration and its statement, at their largest
LOGIN_BYTES_MAX = 2 * STATEMENT_LENGTH_MAX  # one statement, its quotes escaped

Answer = TypeVar("Answer")


class Lane:
    """One kind of work: at most ``places`` requests inside, of which ``threads`` run outside the loop at once.

    Before it takes its place a request's body is read, of at most ``bytes_max``, and at most ``places`` at once.
    """

    def __init__(self, name: str, *, places: int, threads: int, bytes_max: int) -> None:
        self.name = name
        self.places = places
        self.bytes_max = bytes_max
        self.bodies = Patience(places)
        self.turned_away = 0
        self._shares = Shares(places)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=f"byhand-{name}")

    @property
    def inside(self) -> int:
        """How many requests are inside."""
        return self._shares.taken

    @contextmanager
    def place(self, whose: str = NOWHERE) -> Iterator[None]:
        """A place in the lane; raises Overloaded when there is none left for ``whose``, or for anybody.

        Only for the event loop's own thread.
        """
        if not self._shares.take(whose):
            self.turned_away += 1
            if self.inside >= self.places:
                raise Overloaded(f"this server has {self.places} requests of this kind at once already")
            raise Overloaded("your address has as many requests of this kind here as are left to all others")
        try:
            yield
        finally:
            self._shares.give_back(whose)

    async def run(self, work: Callable[[], Answer]) -> Answer:
        """``work``'s answer, from a thread of the lane. Work that began is finished, whoever still waits for it."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        """Finish what began, then end the threads."""
        self._pool.shutdown(wait=True)


class Lanes:
    """The lanes of a server."""

    def __init__(self) -> None:
        # Acts and their outcomes: the last to be turned away.
        self.gate = Lane("gate", places=1_024, threads=16, bytes_max=GATE_BYTES_MAX)
        # Whoever is not signed in yet, so anybody: a signature checked costs more than an invented one.
        self.entrance = Lane("entrance", places=64, threads=2, bytes_max=LOGIN_BYTES_MAX)
        # Readers: each may fold and open many records.
        self.api = Lane("api", places=64, threads=4, bytes_max=RECORD_BYTES_MAX)
        # Batches of up to a mebibyte each: 64 MiB at most.
        self.feeds = Lane("feeds", places=64, threads=2, bytes_max=BATCH_BYTES_MAX)
        # Whoever waits for an issuer's answer: it may take seconds, and keeps no other login waiting.
        self.issuers = Lane("issuers", places=64, threads=4, bytes_max=LOGIN_BYTES_MAX)
        self.all = (self.gate, self.entrance, self.api, self.feeds, self.issuers)

    def close(self) -> None:
        """End all of them."""
        for lane in self.all:
            lane.close()

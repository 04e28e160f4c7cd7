# SPDX-License-Identifier: Apache-2.0
"""Takes letters to their destinations: one at a time for each, many side by side, so a dead one delays no other.

At least once: the message's id is the same at every try, and a receiver knows a repetition by it. What fails is
tried again with growing pauses, and is dead after a last try: then doctor and figures say so.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import msgspec

from byhand import clock
from byhand.errors import ByhandError, NotDelivered
from byhand.sinks.contract import SEND_SECONDS_MAX, Message, Sink
from byhand.store.outbox import Letter, Outbox

WORKERS_MAX = 16  # destinations at once; a hanging one holds its worker for ten seconds
LEASE_SECONDS = (
    6 * SEND_SECONDS_MAX
)  # a process that was killed in the middle is followed by another after that
PAUSE_SECONDS = 2.0  # before the second try; every further pause is twice as long
PAUSE_SECONDS_MAX = 300.0  # a request lives for minutes: a pause that is longer is as good as none
CAUSE_LENGTH_MAX = 200  # characters of why a try failed: one line of a table
_message = msgspec.json.Decoder(Message)
logger = logging.getLogger("byhand.watch")


class Delivery:
    """A follower of the outbox. Several processes may run it: a letter is claimed by one of them."""

    def __init__(
        self,
        outbox: Outbox,
        sink: Callable[[str], Sink],
        *,
        tries_max: int,
        rate: int,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """``rate``: letters a minute to one destination. ``chance`` spreads the pauses, from 0 to 1."""
        self._outbox = outbox
        self._sink = sink
        self._tries_max = tries_max
        self._rate = rate
        self._chance = chance
        self._busy: set[str] = set()
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._workers = ThreadPoolExecutor(WORKERS_MAX, thread_name_prefix="byhand-delivery")

    def turn(self, now: str) -> int:
        """Begin every delivery that is due at ``now``; returns how many. Waits for none of them."""
        with self._lock:
            free, busy = WORKERS_MAX - len(self._busy), frozenset(self._busy)
        if free <= 0:
            return 0
        lease = clock.after(now, seconds=LEASE_SECONDS)
        letters = self._outbox.claim(now, lease=lease, busy=busy, rate=self._rate)
        with self._lock:
            self._busy |= {letter.destination for letter in letters}
        for letter in letters:
            self._workers.submit(self._deliver, letter)
        return len(letters)

    def wait(self) -> None:
        """Wait until nothing is on its way."""
        with self._idle:
            self._idle.wait_for(lambda: not self._busy)

    def close(self) -> None:
        """Let what began end; each takes SEND_SECONDS_MAX at most."""
        self._workers.shutdown()

    def _deliver(self, letter: Letter) -> None:
        try:
            self._outbox.settle(self._tried(letter))
            # A crash before: delivered, and once more when the lease is over, with the same id.
        except ByhandError:
            logger.exception("what became of the letter %s is not kept; it is tried again", letter.id)
        finally:
            with self._idle:
                self._busy.discard(letter.destination)
                self._idle.notify_all()

    def _tried(self, letter: Letter) -> Letter:
        """The letter after one try."""
        try:
            message = _message.decode(letter.content)
            self._sink(letter.destination).send(message)
        except NotDelivered as error:
            return self._failed(letter, str(error), for_good=error.for_good, after=error.after_seconds)
        except ByhandError as error:  # what the file of destinations says can be mended meanwhile
            return self._failed(letter, str(error))
        except Exception as error:  # a fault of ours, or of somebody's plug-in, must not lose the letter
            logger.exception("the destination %s failed unexpectedly", letter.destination)
            return self._failed(letter, f"unexpected {type(error).__name__}")
        return letter._replace(state="delivered", cause="")

    def _failed(self, letter: Letter, cause: str, *, for_good: bool = False, after: int = 0) -> Letter:
        cause = " ".join(cause.split())[:CAUSE_LENGTH_MAX]
        if for_good or letter.tries >= self._tries_max:
            logger.error("%s did not get to %s and is given up: %s", letter.id, letter.destination, cause)
            return letter._replace(state="dead", cause=cause)
        logger.warning("%s did not get to %s, it is tried again: %s", letter.id, letter.destination, cause)
        pause = min(PAUSE_SECONDS * 2 ** (letter.tries - 1), PAUSE_SECONDS_MAX) * (1 + self._chance()) / 2
        return letter._replace(due=clock.after(clock.now(), seconds=max(pause, after)), cause=cause)

# SPDX-License-Identifier: Apache-2.0
"""Keeps a long-running process's log signed and visibly alive: checkpoints and heartbeats."""

from __future__ import annotations

import logging
import threading
import time

from byhand.errors import ByhandError
from byhand.journal.journal import Journal

SECONDS_A_MINUTE = 60
logger = logging.getLogger("byhand.keeper")


class Keeper:
    """One thread that signs what has grown, and shows life when nothing has.

    Never on an act's path: what fails here is logged and tried again; an act that needs an anchored checkpoint
    makes its own and hears of the failure itself.
    """

    def __init__(self, journal: Journal, *, checkpoint_seconds: float, heartbeat_idle_minutes: float) -> None:
        self._journal = journal
        self._pause = checkpoint_seconds
        self._idle = heartbeat_idle_minutes * SECONDS_A_MINUTE
        self._size = journal.reader.size
        self._anchored = 0  # whether what was written before is signed, the anchor knows
        self._moved = time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="byhand-keeper", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Stop, and sign what is not signed yet."""
        if self._thread.is_alive():
            self._stop.set()
            self._thread.join()
            self._turn()

    def _run(self) -> None:
        while not self._stop.wait(self._pause):
            self._turn()

    def _turn(self) -> None:
        try:
            self.turn(time.monotonic())
        except ByhandError:
            logger.exception("the log could not be kept")

    def turn(self, now: float) -> None:
        """Sign a checkpoint when the tree has grown, record a heartbeat when it has not for too long.

        ``now`` is monotonic time in seconds. A crash between heartbeat and checkpoint is harmless: the next
        turn, or the next opening, signs.
        """
        size = self._journal.reader.size
        if size != self._size:
            self._size, self._moved = size, now
        elif now - self._moved >= self._idle:
            self._journal.heartbeat()
            self._size, self._moved = self._journal.reader.size, now
        if self._size > self._anchored:
            self._journal.anchor(self._size)
            self._anchored = self._size

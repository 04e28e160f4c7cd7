# SPDX-License-Identifier: Apache-2.0
"""Outcomes that the log does not have yet: kept by the process that knows them, and sent before anything else."""

from __future__ import annotations

import logging
import os
import threading

from byhand.client.contract import Backend
from byhand.client.persisting import persistently
from byhand.errors import ByhandError, LoginRequired, LogUnavailable
from byhand.records.kinds import Outcome

logger = logging.getLogger("byhand.unsent")


class Unsent:
    """The outcomes of one process. Thread-safe; a forked child starts without its parent's.

    Few by construction: without a log no act begins, so these are the acts under way when it went away.
    When the process is killed they are lost, and byhand notes their acts as unknown.
    """

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._waiting: dict[str, tuple[str, Outcome]] = {}

    def _own(self) -> threading.Lock:
        if self._process != os.getpid():  # the lock may be held by a thread that is not in this process
            self._begin()
        return self._lock

    def __len__(self) -> int:
        with self._own():
            return len(self._waiting)

    def keep(self, origin: str, outcome: Outcome) -> None:
        """Keep ``outcome``, in the place of an earlier one with its id, until ``origin`` has it."""
        with self._own():
            self._waiting[outcome.id] = (origin, outcome)

    def forget(self, outcome: Outcome) -> None:
        """It is in the log, or the log will never take it."""
        with self._own():
            self._waiting.pop(outcome.id, None)

    def send(self, backend: Backend) -> None:
        """Send what ``backend``'s log is to have; what does not get through is kept. Raises nothing."""
        with self._own():
            waiting = [outcome for origin, outcome in self._waiting.values() if origin == backend.origin]
        for outcome in waiting:
            try:
                persistently(backend, outcome, (), lambda one: self.keep(backend.origin, one))
            except (LogUnavailable, LoginRequired):
                return
            except ByhandError as refusal:  # for good; whoever acted was told that it is not in the log
                logger.warning("the outcome of %s is refused: %s", outcome.intervention, refusal)
            except Exception:
                logger.exception("the outcome of %s could not be sent", outcome.intervention)
                continue  # kept; the act that comes next must not suffer for this one
            self.forget(outcome)


OF_THIS_PROCESS = Unsent()
"""What every client of this process shares, unless it brings its own."""

# SPDX-License-Identifier: Apache-2.0
"""Changes that end by themselves: each revert is run when due, from the caller's loop or a thread.

Pending reverts live in this process alone. When it ends first, byhand finds them overdue on opening the home.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from byhand import clock
from byhand.errors import BeforeStateChanged, NotAsDeclared
from byhand.records.kinds import Outcome

RETRY_SECONDS = (
    30.0  # a revert that failed is tried again, twice within the minute before it counts as overdue
)
POLL_SECONDS = 0.5  # how late the thread may be
logger = logging.getLogger("byhand.reverts")


@dataclass(slots=True)
class DueRevert:
    """One revert: when (record time), of which intervention, and what runs it and returns its outcome."""

    due: str
    caused_by: str
    run: Callable[[], Outcome] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reverted:
    """What became of one revert: its outcome when it is recorded, else the error.

    ``pending``: it is tried again. Not pending and with an error: a person has to look.
    """

    caused_by: str
    outcome: Outcome | None = None
    error: Exception | None = None
    pending: bool = False


class Reverter:
    """The reverts of one process. Thread-safe; each one is run by one caller at a time.

    A forked child starts without its parent's: they would be run twice.
    """

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._waiting: list[DueRevert] = []
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def _own(self) -> threading.Lock:
        if self._process != os.getpid():  # the lock may be held by a thread that is not in this process
            self._begin()
        return self._lock

    def add(self, revert: DueRevert) -> None:
        """Run ``revert`` when it is due."""
        with self._own():
            self._waiting.append(revert)

    def pending(self) -> tuple[tuple[str, str], ...]:
        """When and of which intervention, soonest first."""
        with self._own():
            return tuple(sorted((one.due, one.caused_by) for one in self._waiting))

    def run_due(self, now: str | None = None) -> tuple[Reverted, ...]:
        """Run everything due at ``now`` (record time), soonest first. Never raises what a revert raised.

        A revert that failed stays pending; one whose target somebody changed meanwhile does not: it would
        undo that person's change.
        """
        moment = clock.now() if now is None else now
        ended: list[Reverted] = []
        while (
            one := self._next(moment)
        ) is not None:  # one at a time: what stops one leaves the others waiting
            ended.append(self._run(one, moment))
        return tuple(ended)

    def _next(self, moment: str) -> DueRevert | None:
        with self._own():
            due = [one for one in self._waiting if one.due <= moment]
            soonest = min(due, key=lambda one: one.due, default=None)
            if soonest is not None:
                self._waiting.remove(soonest)
            return soonest

    def _run(self, revert: DueRevert, moment: str) -> Reverted:
        try:
            return Reverted(revert.caused_by, outcome=revert.run())
        except (BeforeStateChanged, NotAsDeclared) as error:
            return Reverted(revert.caused_by, error=error)
        except Exception as error:  # noqa: BLE001 - handed to the caller; the others must still run
            self.add(DueRevert(clock.after(moment, seconds=RETRY_SECONDS), revert.caused_by, revert.run))
            return Reverted(revert.caused_by, error=error, pending=True)
        except BaseException:
            self.add(revert)
            raise

    def start(self, report: Callable[[Reverted], None]) -> None:
        """Run due reverts in a thread of their own; ``report`` is called there with what became of each."""
        with self._own():
            if self._thread is not None and self._thread.is_alive():
                return
            self._stopping.clear()
            self._thread = threading.Thread(
                target=self._work, args=(report,), name="byhand-reverts", daemon=True
            )
            self._thread.start()

    def _work(self, report: Callable[[Reverted], None]) -> None:
        while not self._stopping.wait(POLL_SECONDS):
            for one in self.run_due():
                try:
                    report(one)
                except Exception:
                    logger.exception("what became of the revert of %s could not be reported", one.caused_by)

    def stop(self) -> None:
        """End the thread after the revert it is at; what is pending stays pending."""
        with self._own():
            thread, self._thread = self._thread, None
            self._stopping.set()
        if thread is not None:
            thread.join()

# SPDX-License-Identifier: Apache-2.0
"""Followers walk behind the log: each remembers where it is, resumes there, never skips, and holds nobody up.

A follower's effects and its cursor are committed together by whatever keeps them, so a crash between two turns, or
in the middle of one, costs a repetition and never a gap. Several processes may run the same follower: the cursor's
compare-and-swap lets one of them move on, the other finds nothing left to do.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from byhand.errors import ByhandError

PAUSE_SECONDS = 1.0  # what is searched for or has lapsed may be a second old
PAUSE_SECONDS_MAX = 60.0  # between tries of a follower that fails again and again
DOUBLINGS_MAX = 16  # of a pause: any is at its longest by then, and no power is too large for a float
logger = logging.getLogger("byhand.watch")


class Follower(Protocol):
    """Something that follows the log. May be slow; may be repeated after any failure."""

    @property
    def name(self) -> str:
        """How it is called in figures and messages."""
        ...

    def turn(self) -> int:
        """Do what is to be done now; returns how much that was. Raises ByhandError when it could not."""
        ...

    def close(self) -> None:
        """No turn comes any more: let what began beside the turns end."""
        ...


def nothing() -> None:
    """What a follower does at the end that did everything within its turns."""


@dataclass(frozen=True, slots=True)
class Task:
    """A follower made of a function."""

    name: str
    work: Callable[[], int]
    end: Callable[[], None] = nothing

    def turn(self) -> int:
        """Do it."""
        return self.work()

    def close(self) -> None:
        """End it."""
        self.end()


@dataclass(slots=True)
class Standing:
    """How a follower is getting on, for whoever keeps the process running."""

    turns: int = 0
    done: int = 0
    failures: int = 0
    """In a row; 0 when the last turn went well."""
    error: str = ""


class Watch:
    """One thread for each follower: a slow or failing one keeps only itself waiting."""

    def __init__(self, followers: Sequence[Follower], *, pause_seconds: float = PAUSE_SECONDS) -> None:
        self._pause = pause_seconds
        self._followers = tuple(followers)
        self._stop = threading.Event()
        self.standings = {follower.name: Standing() for follower in followers}
        self._threads = [
            threading.Thread(target=self._run, args=(one,), name=f"byhand-{one.name}", daemon=True)
            for one in followers
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Let every turn that began end, then stop. Idempotent."""
        self._stop.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        for follower in self._followers:
            follower.close()

    def _run(self, follower: Follower) -> None:
        standing = self.standings[follower.name]
        while True:
            self._turn(follower, standing)
            if self._stop.wait(_pause_after(standing.failures, self._pause)):
                return

    def _turn(self, follower: Follower, standing: Standing) -> None:
        try:
            standing.done += follower.turn()
        except ByhandError as error:
            standing.failures += 1
            standing.error = str(error)
            logger.exception("%s could not go on; it tries again", follower.name)
        except Exception as error:  # a fault of ours must not end the others, nor pass unseen
            standing.failures += 1
            standing.error = f"{type(error).__name__}: {error}"
            logger.exception("%s failed unexpectedly; it tries again", follower.name)
        else:
            standing.failures, standing.error = 0, ""
        standing.turns += 1


def _pause_after(failures: int, seconds: float) -> float:
    """Twice as long after each further failure, up to ``PAUSE_SECONDS_MAX``."""
    return min(seconds * 2.0 ** min(failures, DOUBLINGS_MAX), PAUSE_SECONDS_MAX)

# SPDX-License-Identifier: Apache-2.0
"""What is on its way to people: requests under way, and letters to destinations. Not evidence, not backed up.

Losing it costs repetitions: it is made anew from the log, and who has been told already is told once more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

DEAD_SECONDS = 86_400  # a day: whoever looks in the morning still sees what died at night
TRIES_LOST = (
    3  # a letter that failed as often, for some ten seconds, has reached nobody as far as one can tell
)


class RequestRow(NamedTuple):
    """A request to decide about an intervention."""

    intervention: str
    recorded: str
    """When its intent was recorded: the clock of reminders starts there."""
    expires: str
    stages: tuple[str, ...] = ()
    """What has been done about it, in order."""
    unheard: str = ""
    """Why nobody can have heard of it; empty when somebody may have."""


class Letter(NamedTuple):
    """One message to one destination; both together are its name."""

    id: str
    destination: str
    about: str
    """The intervention."""
    content: bytes
    written: str
    due: str
    """When it is tried next."""
    until: str
    """After that it would tell nothing any more."""
    tries: int = 0
    state: str = "waiting"
    """``waiting``, ``delivered``, ``dead`` (in vain, or over before it got there), ``dropped`` (decided before)."""
    cause: str = ""
    """Why the last try failed."""
    tried: str = ""


class Counts(NamedTuple):
    """How full it is, in figures that name nobody."""

    requests: int
    unheard: int
    """Requests under way of which nobody can have heard."""
    waiting: int
    dead: int
    """Letters that were given up since the time asked for."""


class RequestBook(Protocol):
    """Requests under way. Safe from any thread and process; every method commits."""

    def cursor(self) -> int:
        """Index of the next entry of the log that was not looked at."""
        ...

    def follow(self, expected: int, following: int, requests: Sequence[RequestRow]) -> bool:
        """Add requests and move the cursor from ``expected``, together; ``False`` when another was faster."""
        ...

    def requests(self) -> list[RequestRow]:
        """Every request that has not ended, oldest first."""
        ...

    def advance(self, before: RequestRow, after: RequestRow, letters: Sequence[Letter]) -> bool:
        """Note what is done about a request, and its letters, together; ``False`` when another was faster."""
        ...

    def end(self, intervention: str, *, over: bool = False) -> None:
        """Forget a request; its letters that still wait are dropped, or dead where it is ``over`` undecided."""
        ...


class Outbox(Protocol):
    """Letters on their way. Safe from any thread and process; every method commits."""

    def claim(self, now: str, *, lease: str, busy: frozenset[str], rate: int) -> list[Letter]:
        """The next letter of each destination that is not ``busy``, for this process alone until ``lease``.

        A destination that was tried ``rate`` times in the last minute is left in peace. A letter that is neither
        delivered nor postponed by its lease is there to be claimed again.
        """
        ...

    def settle(self, letter: Letter) -> None:
        """Keep what became of a claimed letter: its state, its cause, and when it is due again."""
        ...

    def letters(self, about: str | None = None, *, state: str | None = None, since: str = "") -> list[Letter]:
        """Letters, newest first."""
        ...

    def is_unheard(self, about: str) -> bool:
        """Whether nobody can have heard of it: nothing was delivered, and what is on its way fails everywhere."""
        ...

    def counts(self, since: str) -> Counts:
        """How full it is."""
        ...

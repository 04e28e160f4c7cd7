# SPDX-License-Identifier: Apache-2.0
"""What the checkpointer asks of an anchor: read, and compare-and-swap; nothing else."""

from __future__ import annotations

from typing import NamedTuple, Protocol

NO_ADMINISTRATION = -1


class Anchored(NamedTuple):
    """The last anchored checkpoint of an origin, the home that may speak for it, and what no root can show."""

    note: bytes
    home: str
    """What tells this home from a copy of it (path, device, inode)."""
    administration: int | None = None
    """Index of the administration chain's head among the note's entries; NO_ADMINISTRATION: there is none.

    ``None`` when nobody said (a home that was moved): then the entries have to be read for it.
    """


class Anchor(Protocol):
    """A tiny store outside the home, never part of a backup or restore."""

    def read(self) -> Anchored | None:
        """The anchored checkpoint, or ``None`` when this origin was never anchored here."""
        ...

    def advance(self, expected: bytes | None, anchored: Anchored) -> bool:
        """Replace the note ``expected`` durably; ``False`` when it is another by now: read again."""
        ...

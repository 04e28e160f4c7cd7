# SPDX-License-Identifier: Apache-2.0
"""What the checkpointer asks of an anchor: read, and compare-and-swap; nothing else."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Anchored(NamedTuple):
    """The last anchored checkpoint of an origin, and the home that may speak for it."""

    note: bytes
    home: str
    """What tells this home from a copy of it (path, device, inode)."""


class Anchor(Protocol):
    """A tiny store outside the home, never part of a backup or restore."""

    def read(self) -> Anchored | None:
        """The anchored checkpoint, or ``None`` when this origin was never anchored here."""
        ...

    def advance(self, expected: bytes | None, anchored: Anchored) -> bool:
        """Replace the note ``expected`` durably; ``False`` when it is another by now: read again."""
        ...

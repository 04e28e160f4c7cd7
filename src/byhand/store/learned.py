# SPDX-License-Identifier: Apache-2.0
"""What followers have learned from the log, with the place up to which they did. Not evidence, not backed up.

It may be lost at any time: the same log teaches the same again.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol


class LearnedRow(NamedTuple):
    """What one follower knows."""

    cursor: int
    """The entries before it are learned."""
    state: bytes


class Learned(Protocol):
    """Safe from any thread and process. Quick, but for the size of the state."""

    def load(self, follower: str) -> LearnedRow | None:
        """What the follower of this name knows."""
        ...

    def keep(self, follower: str, row: LearnedRow) -> bool:
        """Keep it, unless somebody is further already; whether it was kept. Durable when it returns."""
        ...

    def forget(self, follower: str) -> None:
        """Throw away what it knows."""
        ...

    def close(self) -> None:
        """Give back files."""
        ...

# SPDX-License-Identifier: Apache-2.0
"""What an intent needs before it gets a permit; decided here from the point, never by the client."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from byhand.records.intervention import Mode, Tier

SIGNED_TIERS: frozenset[Tier] = frozenset({"high", "critical"})


@dataclass(frozen=True, slots=True)
class Requirement:
    """What must be there.

    ``approvals``: other persons' signatures; ``signature``: the actor's own; ``anchored``: a checkpoint that
    covers the intent; ``new``: the new value declared, not only read back; ``readable``: the value before;
    ``authenticated_seconds``: since the actor's login at most.
    """

    approvals: int
    signature: Literal["none", "own-key", "device-key"]
    anchored: bool
    new: bool
    readable: bool
    authenticated_seconds: int | None = None


FRESH_SECONDS: dict[Tier, int] = {"critical": 300}
"""Since the login at most: whoever sits at somebody's open session gets no further."""
NOTHING = Requirement(approvals=0, signature="none", anchored=False, new=False, readable=False)


def requirement(tier: Tier) -> Requirement:
    """What ``enforce`` demands of a tier. Policies with approvals build on this one place."""
    if tier not in SIGNED_TIERS:
        return NOTHING
    return Requirement(
        approvals=0,
        signature="own-key",
        anchored=True,
        new=True,
        readable=True,
        authenticated_seconds=FRESH_SECONDS.get(tier),
    )


def demanded(tier: Tier, mode: Mode) -> Requirement:
    """All of it under ``enforce``; otherwise nothing: a permit always issues, and says what was missing."""
    return requirement(tier) if mode == "enforce" else NOTHING

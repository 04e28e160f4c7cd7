# SPDX-License-Identifier: Apache-2.0
"""What an intent needs before it gets a permit; decided here from the point, never by the client."""

from __future__ import annotations

from dataclasses import dataclass

from byhand.records.intervention import Tier

SIGNED_TIERS: frozenset[Tier] = frozenset({"high", "critical"})


@dataclass(frozen=True, slots=True)
class Requirement:
    """``approvals``: other persons' signatures; ``signed``: the actor's own; ``anchored``: a checkpoint that
    covers the intent; ``new``: the new value must be declared, not only read back."""

    approvals: int
    signed: bool
    anchored: bool
    new: bool


def requirement(tier: Tier) -> Requirement:
    """The requirement of a tier. Policies with approvals build on this one place."""
    serious = tier in SIGNED_TIERS
    return Requirement(approvals=0, signed=serious, anchored=serious, new=serious)

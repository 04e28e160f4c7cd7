# SPDX-License-Identifier: Apache-2.0
"""What an intent needs before it gets a permit; decided here from point, tier and change, never by the client.

    tier      approvals by other persons    signatures of actor and approvers
    low       0                             none
    medium    0                             none
    high      1                             own key
    critical  2                             own key, bound to a device

A point may demand more, never fewer; a change larger than its ``approvals_above`` takes one person more. While a
home is on trial there is only one person to ask: no approvals are demanded, and decision and receipts say so
(decision 13).
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow, localcontext
from typing import Literal

from byhand.records import canonical
from byhand.records.intervention import Change, Mode, Tier
from byhand.records.kinds import Point
from byhand.records.values import CapturedValue

SIGNED_TIERS: frozenset[Tier] = frozenset({"high", "critical"})
TIER_APPROVALS: dict[Tier, int] = {"low": 0, "medium": 0, "high": 1, "critical": 2}
AMOUNT_DIGITS_MAX = (
    200  # digits of an exact difference; money has thirty, beyond it a change counts as larger
)
ABSENT = Decimal(0)


@dataclass(frozen=True, slots=True)
class Requirement:
    """What must be there.

    ``approvals``: other persons' signatures; ``signature``: the actor's own, and the approvers'; ``anchored``: a
    checkpoint that covers the intent; ``new``: the new value declared, not only read back; ``readable``: the value
    before; ``approvers``: roles, each to be filled by a different one of the approving persons;
    ``authenticated_seconds``: since the actor's login at most.
    """

    approvals: int
    signature: Literal["none", "own-key", "device-key"]
    anchored: bool
    new: bool
    readable: bool
    authenticated_seconds: int | None = None
    approvers: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of its canonical form: what an approver's signature names."""
        return hashlib.sha256(canonical.encode(asdict(self))).hexdigest()


FRESH_SECONDS: dict[Tier, int] = {"critical": 300}
"""Since the login at most: whoever sits at somebody's open session gets no further."""
NOTHING = Requirement(approvals=0, signature="none", anchored=False, new=False, readable=False)
POLICY = hashlib.sha256(canonical.encode({"approvals": TIER_APPROVALS, "v": 0})).hexdigest()
"""Digest of the shipped policy, which the table above shows; a decision by another policy set names that one."""


def requirement(
    tier: Tier,
    point: Point | None = None,
    change: Change | None = None,
    *,
    trial: bool = False,
    by_agent: bool = False,
) -> Requirement:
    """What ``enforce`` demands for ``change`` at ``point``, whose tier is ``tier``."""
    number, roles = (0, ()) if trial else _approvals(tier, point, change)
    serious = tier in SIGNED_TIERS
    if by_agent and serious:  # an agent's act takes an independent person, on trial too
        number = max(number, 1)
    if not serious and not number:
        return NOTHING
    return Requirement(
        approvals=number,
        signature="device-key" if tier == "critical" else "own-key" if serious else "none",
        anchored=True,
        new=serious,
        readable=serious,
        approvers=roles,
        authenticated_seconds=FRESH_SECONDS.get(tier),
    )


def _approvals(tier: Tier, point: Point | None, change: Change | None) -> tuple[int, tuple[str, ...]]:
    number = TIER_APPROVALS[tier]
    if point is None:
        return number, ()
    number = max(number, point.approvals or 0, len(point.approvers))
    if point.approvals_above is not None and change is not None and _is_larger(point.approvals_above, change):
        number += 1
    return number, point.approvers


def _is_larger(amount: str, change: Change) -> bool:
    """Whether the number moves by more than ``amount``; what cannot be told counts as more."""
    with localcontext(Context(prec=AMOUNT_DIGITS_MAX, traps=[Inexact, InvalidOperation, Overflow])):
        try:
            difference = _number(change.new) - _number(change.original)
            return not abs(difference) <= Decimal(amount)
        except (ArithmeticError, ValueError):
            return True


def _number(value: CapturedValue | None) -> Decimal:
    if value is not None and value.form == "absent":
        return ABSENT
    if value is None or value.form != "inline" or value.masked:
        raise ValueError
    number = Decimal((value.text or "").strip().removeprefix('"').removesuffix('"'))
    if not number.is_finite():
        raise ValueError
    return number


def demanded(
    tier: Tier,
    mode: Mode,
    point: Point | None = None,
    change: Change | None = None,
    *,
    trial: bool = False,
    by_agent: bool = False,
) -> Requirement:
    """All of it under ``enforce``; otherwise nothing: a permit always issues, and says what was missing."""
    return requirement(tier, point, change, trial=trial, by_agent=by_agent) if mode == "enforce" else NOTHING
